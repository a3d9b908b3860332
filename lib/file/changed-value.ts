import { MisuseError } from '../errors.ts';
import type { JsonEdit } from './json-edit.ts';
import { isWritten } from './json-value.ts';

/**
 * Returns the value that `change` meant. An arrow function without braces returns the value of its expression, a number
 * that was assigned or an array that was sorted, which must not become the file.
 */
export function changedValue<T>(edit: JsonEdit, value: T, returned: T | void): T {
  if (returned === undefined || returned === value) return value;
  if (!edit.isUnchanged(value))
    throw new MisuseError(
      'update: the function changed the value and also returned another one. Do one or the other: `(t) => { t.count -= 1; }`. The file was not changed.',
    );
  if (['function', 'symbol', 'bigint'].includes(typeof returned)) return returned;
  return isDocumentLike(edit, value, returned) ? returned : value;
}

/** Whether `returned` can only be a new document in place of `value`. */
function isDocumentLike(edit: JsonEdit, value: unknown, returned: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (edit.isPart(returned) || typeof returned !== 'object' || returned === null) return false;
  // A Map, a Date or a match is the result of some method, not a document.
  return Array.isArray(returned) === Array.isArray(value) && isWritten(returned);
}
