import type { Entry, Eviction } from './entry.ts';

/** Is notified of what a record does to entries, beside the record's own entry. */
export interface LineObserver {
  /** An entry has joined the line; `entry.holding` says whether it holds already. */
  joined(entry: Entry): void;
  /** An entry that waited now holds. */
  granted(entry: Entry): void;
  /** A `leave` with this id has ended an entry. */
  left(entry: Entry, id: string): void;
  evicted(entry: Entry, eviction: Eviction): void;
}

const ignore = () => undefined;
/** For a caller that needs only the final state of a line. */
export const NO_OBSERVER: LineObserver = { joined: ignore, granted: ignore, left: ignore, evicted: ignore };
