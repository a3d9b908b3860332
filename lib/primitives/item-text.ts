import { MisuseError } from '../errors.ts';
import { MAX_ITEM_BYTES, sizeOf } from '../line/item.ts';

/** Deeper than any data; a check by recursion stays within the stack. */
const MAX_DEPTH = 500;

/**
 * The JSON of an item for a queue. A value that JSON has no form for would arrive as something else, or not at all: it is refused. An
 * object's key whose value is undefined is left out, and is undefined there, too.
 *
 * @throws {MisuseError}
 */
export function itemText(value: unknown, queue: string): string {
  const wrong = refusalOf(value, 'the item', 0);
  if (wrong !== null) throw new MisuseError(`${queue}: ${wrong}. Nothing was put`);
  const text = JSON.stringify(value);
  const size = sizeOf(text);
  if (size <= MAX_ITEM_BYTES) return text;
  throw new MisuseError(
    `${queue}: the item takes ${size} bytes in the journal, and may take ${MAX_ITEM_BYTES}. Nothing was put. Write it to a file, and put the file's name`,
  );
}

/** Describes the part of a value that would not arrive as it is; null: all would. */
function refusalOf(value: unknown, place: string, depth: number): string | null {
  if (depth > MAX_DEPTH) return `the item is nested more than ${MAX_DEPTH} deep, or contains itself`;
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null;
  if (typeof value === 'number')
    return Number.isFinite(value) ? null : `${place} is ${value}, which JSON has no form for`;
  if (typeof value !== 'object')
    return `${place} is ${value === undefined ? 'undefined' : `a ${typeof value}`}, which JSON has no form for`;
  if (Array.isArray(value)) return inArray(value, place, depth);
  const prototype = Object.getPrototypeOf(value);
  const isPlain =
    prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf'));
  if (!isPlain || typeof (value as { toJSON?: unknown }).toJSON === 'function')
    return `${place} is an object of ${prototype?.constructor?.name ?? 'a class'}, which would arrive as something else: put its data`;
  for (const [key, part] of Object.entries(value)) {
    const wrong = part === undefined ? null : refusalOf(part, `${place}[${JSON.stringify(key)}]`, depth + 1);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** A hole would arrive as null. */
function inArray(value: readonly unknown[], place: string, depth: number): string | null {
  for (let at = 0; at < value.length; at++) {
    const wrong = refusalOf(value[at], `${place}[${at}]`, depth + 1);
    if (wrong !== null) return wrong;
  }
  return null;
}
