import { MisuseError } from '../errors.ts';

const MAX_ID = 200;
const CONTROL = /\p{Cc}/u;

/** @throws {MisuseError} unless it is a text of 1 to 200 UTF-16 units, well-formed and without control characters */
export function checkId(call: string, id: unknown): asserts id is string {
  if (typeof id !== 'string')
    throw new MisuseError(`${call} needs an id, such as the number of the order: write ${call}(n, { id })`);
  const isValid = id.length > 0 && id.length <= MAX_ID && id.isWellFormed() && !CONTROL.test(id);
  if (!isValid)
    throw new MisuseError(
      `${call}: an id has 1 to ${MAX_ID} characters and no control character, unlike ${JSON.stringify(id.slice(0, 40))}`,
    );
}

/** @throws {MisuseError} unless it is a whole number from 1 up */
export function checkNumber(call: string, n: unknown): asserts n is number {
  if (Number.isSafeInteger(n) && (n as number) > 0) return;
  throw new MisuseError(`${call} takes a whole number from 1 up, not ${String(n)}`);
}
