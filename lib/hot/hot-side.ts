import type { EndSignal } from '../node-types.ts';

/**
 * The fast side of a hot count: floor, id, decrement and log entry in one atomic step. `JournalHotSide` keeps it in a store of
 * Lockstep.
 *
 * Rules that every hot side obeys:
 *
 * - An id is a string of 1 to 200 UTF-16 units, well-formed and without control characters (`checkTakeId`). Ids of takes and ids of
 *   loads do not meet: the same text may be one of each.
 * - The same id gets the same answer, for any caller and any number of calls: also where the first answer was lost, where the log is full, where
 *   the count is sold out, and after `trim`. With another `n` it rejects with a `MisuseError`. At least the last 10,000 ids are
 *   remembered, and those of all sales that are logged. "Sold out" and "log full" are not remembered: the same id may succeed later.
 * - Sequences are 1, 2, 3, … without a gap, one for each sale.
 * - A call whose outcome is not known (`STORE_UNSURE`, `UNSURE`, a lost connection) may be sent again with the same id.
 */
export interface HotSide {
  /** For messages, without secrets. */
  readonly place: string;
  /**
   * Adds to what is there (a load of tickets); the same id adds once. Resolves to what is there then: after a repeat, to what is there
   * now. The first load makes the side, and its generation.
   *
   * @throws {MisuseError} (rejects) for a repeat with another `n`, or a sum beyond ±(2^53 − 1)
   */
  load(n: number, id: string, signal?: EndSignal): Promise<number>;
  /**
   * Sells `n`; null: it would go below the floor. `bound` is at most 65,536.
   *
   * @throws {LogFullError} (rejects) if the log holds `bound` sales that were not written back
   * @throws {MisuseError} (rejects) for a repeat with another `n`
   */
  take(n: number, id: string, options: TakeOptions): Promise<Sale | null>;
  /** The sales after that sequence that are still logged, oldest first, at most `limit`. */
  sales(after: number, limit: number): Promise<LoggedSale[]>;
  /** Drops what is logged up to and including that sequence; the ids stay remembered. Called only after the database has committed. */
  trim(upTo: number): Promise<void>;
  /** The present state: the number left, and what is logged. */
  status(signal?: EndSignal): Promise<HotStatus>;
  /**
   * Sets the side anew from what the database says, after its data was lost; with a new generation and an empty log. `previous`: the
   * generation that it follows. A caller who knows that one goes on.
   *
   * Ids that the side still remembers keep their answers.
   *
   * @throws {MisuseError} (rejects) if the side may have a sale that the database has not: its last sequence is beyond `sequence`, or
   * its log is not empty (then write it back, and trim it)
   */
  rebuild(state: { left: number; loaded: number; sequence: number; previous?: string }): Promise<void>;
  /** Refuses takes, and says why, until a rebuild: its data was found lost. A side without it goes on selling until the rebuild. */
  halt?(why: string): Promise<void>;
  /** Makes ids known again after a rebuild, by their sales. A side without it may sell to these ids once more. */
  remember?(sales: readonly KnownSale[]): Promise<void>;
  /** The risks of losing confirmed sales here, in words; empty if nothing is known. */
  check?(): Promise<string[]>;
  /** Ends what it has open. Idempotent. */
  close(): Promise<void>;
}

/** The bounds of one take, and its limits in time. */
export interface TakeOptions {
  floor: number;
  bound: number;
  /** Of the whole call, with its repeats, in ms. */
  timeout?: number;
  signal?: EndSignal | undefined;
}

/** A sale by its id. */
export interface KnownSale extends Sale {
  readonly id: string;
  readonly n: number;
}

/** The result of a take. */
export interface Sale {
  /** The number afterwards. */
  readonly left: number;
  /** 1, 2, 3, … of the takes of this count. */
  readonly sequence: number;
}

/** A sale that is to be written back. */
export interface LoggedSale extends KnownSale {
  /** The seller's wall clock, in ms since 1970. */
  readonly at: number;
}

/** All of one moment. */
export interface HotStatus {
  /** The number now. */
  readonly left: number;
  /** The sum of all loads. */
  readonly loaded: number;
  /** Of the last sale; 0: none. */
  readonly lastSequence: number;
  /** Up to this sequence the log was dropped. */
  readonly trimmedTo: number;
  /** How many sales are logged. */
  readonly logged: number;
  /** Random, made with the side: another one, or null where there is no side (yet), means that its data was lost. */
  readonly generation: string | null;
  /** Why it refuses takes, until a rebuild; absent while it sells. */
  readonly halted?: string;
}
