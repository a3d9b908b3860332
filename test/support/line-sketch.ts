import type { EntryView, LineView } from '../../lib/store/store.ts';

/** An entry of a made-up line. */
export interface Sketch {
  /** Its ticket, which also names it in the test. */
  as: number;
  /** Default: 1 */
  ask?: number;
  /** Tickets, and the line that each is in. */
  keeps?: Array<[name: string, ticket: number]>;
  waits?: number;
  stale?: boolean;
}

/** A line; the holders follow from the order, as always. */
export function line(
  name: string,
  permits: number,
  sketches: Sketch[],
  kind = permits === 1 ? 'lock' : 'semaphore',
): LineView {
  let sum = 0;
  let isFull = false;
  const entries = sketches.map(({ as, ask = 1, keeps = [], waits = 1, stale = false }): EntryView => {
    sum += ask === 0 ? 2 ** -20 : ask;
    isFull ||= sum > permits;
    const owner = { session: `s${as}`, pid: as, host: 'h', place: 'here' as const, gone: null };
    const held = keeps.map(([of, ticket]) => ({ name: of, ticket }));
    return {
      ticket: as,
      token: isFull ? 0 : as,
      state: isFull ? 'waiting' : 'holding',
      ask,
      label: `job ${as}`,
      since: as,
      ours: false,
      owners: [owner],
      keeps: { held, waits },
      stale,
    };
  });
  return { name, kind, permits, value: 0, revision: 0, entries };
}
