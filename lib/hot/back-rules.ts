import { StoreError } from '../errors.ts';
import type { BackState, Batch } from './back.ts';
import type { LoggedSale } from './hot-side.ts';

/** Before anything is written. */
export const NOTHING_WRITTEN: BackState = { count: 0, loaded: 0, cursor: 0, token: 0, generation: null, duplicates: 0 };

/** The part of a batch that is not written yet. */
export interface Plan {
  /** To insert, unless their ids are orders. */
  readonly sales: readonly LoggedSale[];
}

/**
 * Checks a batch against the state that its transaction has locked. Every back calls it, so they cannot differ.
 *
 * @throws {StoreError} `HOT_FENCED`, `HOT_DATA_LOST`
 */
export function planOf(batch: Batch, before: BackState, place: string): Plan {
  const { name, token, generation, sales, isRescue } = batch;
  if (before.token > token) throw fenced(name, place, token, before.token);
  if (isRescue) return { sales };
  if (before.generation !== null && before.generation !== generation)
    throw dataLost(
      name,
      place,
      `its sales are of the hot data ${generation}, and those written up to ${before.cursor} were of ${before.generation}`,
    );
  const rest = sales.filter(({ sequence }) => sequence > before.cursor);
  const [first] = rest;
  if (first !== undefined && first.sequence !== before.cursor + 1)
    throw dataLost(
      name,
      place,
      `the oldest sale that is logged is ${first.sequence}, and the last one written is ${before.cursor}`,
    );
  return { sales: rest };
}

/** The state after a batch of which `inserted` became orders. */
export function stateAfter(batch: Batch, before: BackState, plan: Plan, inserted: readonly LoggedSale[]): BackState {
  const sold = inserted.reduce((sum, { n }) => sum + n, 0);
  const loaded = batch.isRescue ? before.loaded : batch.loaded;
  const last = plan.sales.at(-1)?.sequence ?? 0;
  return {
    count: before.count + loaded - before.loaded - sold,
    loaded,
    cursor: Math.max(before.cursor, last),
    token: batch.token,
    generation: batch.generation,
    duplicates: before.duplicates + (batch.isRescue ? 0 : plan.sales.length - inserted.length),
  };
}

export function fenced(name: string, place: string, token: number, newer: number): StoreError {
  return new StoreError(
    'HOT_FENCED',
    `${name}: a newer writer has written to ${place}: its token is ${newer}, and this one's ${token}. Nothing was changed. Let the newer one write.`,
    { operation: 'write back', resource: name, path: place },
  );
}

export function dataLost(name: string, place: string, what: string): StoreError {
  return new StoreError(
    'HOT_DATA_LOST',
    `${name}: data was lost: ${what} (${place}). Nothing was changed. Stop the sale, then rebuild the hot side from the database: \`counter.rebuild()\`.`,
    { operation: 'write back', resource: name, path: place },
  );
}

/** A caller that has had no answer yet cannot know which of the two it is. */
export function nothingLoaded(name: string, place: string): StoreError {
  return new StoreError(
    'HOT_DATA_LOST',
    `${name}: nothing is there at ${place}: it was never loaded, or its data is gone. Load it first; or, if it was in use, rebuild it from the database: \`counter.rebuild()\`.`,
    { operation: 'take', resource: name, path: place },
  );
}
