import type { EndSignal } from '../node-types.ts';
import type { KnownSale, LoggedSale } from './hot-side.ts';

/**
 * The database to which a hot count is written back: `sqliteBack`, `mysqlBack`, `postgresBack` and `jsonBack`.
 *
 * Rules that every back obeys:
 *
 * - `write` is one transaction: all of it is done, durably, or nothing.
 * - A writer whose token is smaller than the last one's is refused (`HOT_FENCED`).
 * - The id of an order is its primary key: a sale whose id is an order already makes no second one. It is counted (`duplicates`).
 * - `count + the sum of all orders = loaded`, at every moment.
 */
export interface Back {
  /** For messages, without secrets. */
  readonly place: string;
  /** Returns the state that is written of a count; null: nothing yet. @throws {StoreError} (rejects) `UNREACHABLE`, `DENIED`, `REFUSED` */
  read(name: string, options?: CallOptions): Promise<BackState | null>;
  /**
   * Writes one batch, and resolves to what is there then.
   *
   * @throws {StoreError} (rejects) `HOT_FENCED` if a newer writer has written; `HOT_DATA_LOST` if the batch does not follow what was
   *   written before; both change nothing. `UNREACHABLE` also where its commit may have been done: the cursor will show it.
   */
  write(batch: Batch, options?: CallOptions): Promise<BackState>;
  /** The last orders, newest first, at most `limit`: those that a hot side must remember after it was rebuilt. */
  orders(name: string, limit: number, options?: CallOptions): Promise<KnownSale[]>;
  /** The risks of losing a committed transaction here, in words; empty if nothing is known. */
  risks?(options?: CallOptions): Promise<string[]>;
  /** Ends what it has open. Idempotent. */
  close(): Promise<void>;
}

/** Of one call on a server or a file. */
export interface CallOptions {
  /** In ms. Default: 10 s. */
  timeout?: number;
  signal?: EndSignal | undefined;
}

/** The state of a count in a database. */
export interface BackState {
  /** The number that is left: all loads, less all orders. */
  readonly count: number;
  /** The sum of all loads. */
  readonly loaded: number;
  /** The sequence up to which sales are written. */
  readonly cursor: number;
  /** The fencing token of the last writer. */
  readonly token: number;
  /** Of the hot side; null: it was never written. */
  readonly generation: string | null;
  /** Sales that made no order, because their id was one already. */
  readonly duplicates: number;
}

/** The contents of one transaction. */
export interface Batch {
  readonly name: string;
  /** Of the lease under which it is written. */
  readonly token: number;
  readonly generation: string;
  /** The sum of all loads, as the hot side has it. */
  readonly loaded: number;
  /** Oldest first. Those up to the cursor are written already, and are left out. */
  readonly sales: readonly LoggedSale[];
  /**
   * Whether it is part of a rebuild: it may be of another generation, and need not follow the cursor. Sales whose ids are orders already
   * are no duplicates then, and `loaded` is left as it was.
   */
  readonly isRescue: boolean;
}
