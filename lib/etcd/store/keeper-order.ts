import type { WireFacts } from '../../session/facts.ts';
import type { CommandTraits } from '../../store/store.ts';

/** The entry that a keeper process keeps: until one more owner and all others are gone. */
export interface KeeperOrder {
  /** Of the store. */
  readonly place: string;
  readonly name: string;
  readonly key: string;
  readonly id: string;
  readonly owner: readonly [key: string, facts: WireFacts];
  /** Whether the other owners have nothing more to do with it. */
  readonly handOver: boolean;
  /** Whether one of the other owners may give the entry back, which is no loss for this one. */
  readonly isShared: boolean;
  /** How the owner, and all that it started, is ended before the entry ends. Null: it is left alone. */
  readonly command: CommandTraits | null;
}

/** `kept`: it does; `absent`: the entry is in line no more; `full`: it takes no more owners. */
export type KeeperAnswer =
  | { readonly is: 'kept' | 'absent' | 'full' }
  | { readonly is: 'failed'; readonly code: string; readonly message: string };

/** The order of a guard to the keeper that it starts (`guard-script.ts`), for a command whose entry has that owner already. */
export interface GuardOrder {
  readonly order: KeeperOrder;
  /**
   * `keep`: its session is gone. `end`: its session is gone, and had lost the entry: the command must end. `late`: its session is
   * silent: the command must end, unless the guard ends the keeper before the time is over.
   */
  readonly task: 'keep' | 'end' | 'late';
  /** For so long the entry is surely in line; then the command must be ended. */
  readonly restMs: number;
}

/** The order of a session that ends to the thread that asks the servers. */
export interface EndOrder {
  /** Of the store. */
  readonly place: string;
  readonly user: { readonly name: string; readonly password: string } | null;
  /** Is revoked; null: it must go on. */
  readonly lease: string | null;
  /** Are deleted, as they are known. */
  readonly keys: ReadonlyArray<{ readonly key: string; readonly modRevision: number }>;
  readonly timeoutMs: number;
  /** How far it is: `NOTHING`, `BEGUN` or `OVER`. */
  readonly answered: Int32Array;
}

export const NOTHING = 0;
export const BEGUN = 1;
export const OVER = 2;

/** The variables by which the guard passes that on. */
export const ORDER = 'LOCKSTEP_KEEPER_ORDER';
export const TASK = 'LOCKSTEP_KEEPER_TASK';
export const REST = 'LOCKSTEP_KEEPER_REST_MS';
