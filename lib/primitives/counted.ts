import { MisuseError, StoreError } from '../errors.ts';
import type { CountAction } from '../line/action.ts';
import type { Answer } from '../line/outcome.ts';
import type { Store } from '../store/store.ts';

/** A counter's configuration: every counter has the same. */
export const COUNTER = { kind: 'counter', permits: 1 } as const;

const MAX_ID = 200;
/** It would damage a line of text, and is no part of any id that a person or a database makes. */
const CONTROL = /\p{Cc}/u;

/**
 * Checks an id of a take or a load: 1 to 200 UTF-16 units of well-formed text, without control characters.
 *
 * @throws {MisuseError}
 */
export function checkTakeId(id: unknown): void {
  if (typeof id !== 'string') throw new MisuseError(`the id of a take must be a string, not ${typeof id}`);
  if (id === '') throw new MisuseError('the id of a take must not be empty');
  if (id.length > MAX_ID)
    throw new MisuseError(`the id of a take may have ${MAX_ID} characters, and this one has ${id.length}`);
  if (!id.isWellFormed() || CONTROL.test(id))
    throw new MisuseError(
      `the id of a take must be text without control characters: ${JSON.stringify(id.slice(0, 40))}`,
    );
}

/** @throws {MisuseError} unless it is a number that one can take */
export function checkTaken(n: unknown, floor: unknown): void {
  if (!Number.isSafeInteger(n) || (n as number) < 1)
    throw new MisuseError(`one takes a whole number from 1 up, not ${String(n)}`);
  if (!Number.isSafeInteger(floor)) throw new MisuseError(`the floor must be a whole number, not ${String(floor)}`);
}

/** The id was used before, with another number. */
export function otherNumber(name: string, id: string, n: number): MisuseError {
  return new MisuseError(
    `${name}: the id ${JSON.stringify(id)} was used before with another number than ${n}. Nothing was changed. Use an id for one request only.`,
  );
}

/**
 * Does something to a counter. Where a store on disk does not know whether it was done, it is asked once more, if the action has an id: then it
 * gives the same answer as the first time, and does nothing twice. (A store on servers asks them again itself.)
 *
 * @throws {StoreError} (rejects) `STORE_UNSURE` or `UNSURE`: it may have been done
 */
export async function actOnce(store: Store, name: string, action: CountAction): Promise<Answer> {
  try {
    return await store.act(name, COUNTER, action);
  } catch (error) {
    const hasId = (action.do === 'take' || action.do === 'load') && action.id !== null;
    if (!hasId || !(error instanceof StoreError) || error.code !== 'STORE_UNSURE') throw error;
    try {
      return await store.act(name, COUNTER, action);
    } catch {
      // Whatever this one says, the first may have been done.
      throw error;
    }
  }
}
