import { MisuseError } from '../errors.ts';
import type { EndSignal } from '../node-types.ts';
import { checkMs, OptionNames } from '../options/option-names.ts';
import type { EntryView, Store } from '../store/store.ts';
import type { Back, BackState } from './back.ts';
import type { HotSide, HotStatus } from './hot-side.ts';
import { checkId, checkNumber } from './ids.ts';

/** Options of a `HotCounter`. */
export interface HotCounterOptions {
  /** Where it is sold: `redis://HOST:6379/0`, or a hot side. Default: the journal of a counter in `store`. */
  hot?: string | HotSide;
  /**
   * The database to which sales are written back: the path of a file of SQLite, or of one that ends in `.json`; a URL (`mysql://…`,
   * `postgres://…`), or a back. Only writers need it: a program that only sells may leave it out.
   */
  back?: string | Back;
  /** The count does not go below it. Default: 0. */
  floor?: number;
  /** The most sales that may wait to be written back; then a `take` rejects with `LogFullError`. Default: 10,000. At most 65,536. */
  maxLog?: number;
  /** The store of the writers' lock, and of the journal. Default: `$LOCKSTEP_STORE`, `$LOCKSTEP_DIR`, or the user's own. */
  store?: Store | string;
}

/** Options of one call. */
export interface HotCallOptions {
  /** In ms. Default: 10 s; of `flush` and `rebuild`, which wait for other writers: 30 s. */
  timeout?: number;
  /** Rejects the call with its reason. */
  signal?: EndSignal;
}

export interface HotIdOptions extends HotCallOptions {
  /** The number of the order, or what else identifies it for ever: 1 to 200 characters. */
  id: string;
}

/** Options of `writeBack`. */
export interface WriteBackOptions {
  /** How long it waits between two transactions, in ms. Default: 1 s. */
  everyMs?: number;
  /** Ends it, after a last transaction. */
  signal?: EndSignal;
  /** Called after each transaction. */
  onWritten?: (state: BackState) => void;
  /** Called for each attempt that failed and is repeated: the database is away, say. */
  onTrouble?: (error: Error) => void;
}

/** All of a hot count. */
export interface HotCounterStatus extends HotStatus {
  readonly name: string;
  readonly floor: number;
  readonly maxLog: number;
  /** Where it is sold, without secrets. */
  readonly hot: string;
  /** The database, without secrets; null if it has none here. */
  readonly back: string | null;
  /** The state that is written; null: nothing, or the database did not answer. */
  readonly written: BackState | null;
  /** Sales that are not in the database yet. */
  readonly unwritten: number;
  /** The line of the writers: the first one writes. */
  readonly writers: readonly EntryView[];
  /** The problems, in words: data was lost, the database does not answer. Empty if all is well. */
  readonly problems: readonly string[];
}

const OPTIONS = new OptionNames<HotCounterOptions>(
  'new HotCounter(name, …)',
  { hot: true, back: true, floor: true, maxLog: true, store: true },
  { string: 'hot' },
);
const CALL = new OptionNames<HotCallOptions>('flush(…)', { timeout: true, signal: true }, { number: 'timeout' });
const ID = new OptionNames<HotIdOptions>('take(n, …)', { id: true, timeout: true, signal: true }, { string: 'id' });
const WRITE_BACK = new OptionNames<WriteBackOptions>(
  'writeBack(…)',
  { everyMs: true, signal: true, onWritten: true, onTrouble: true },
  { number: 'everyMs' },
);
const MOST_LOGGED = 65_536;
const DEFAULT_LOGGED = 10_000;

/** @throws {MisuseError} */
export function checkedOptions(options: HotCounterOptions): { floor: number; maxLog: number } {
  OPTIONS.check(options);
  const { floor = 0, maxLog = DEFAULT_LOGGED } = options;
  if (!Number.isSafeInteger(floor)) throw new MisuseError(`floor must be a whole number, not ${String(floor)}`);
  if (!Number.isSafeInteger(maxLog) || maxLog < 1 || maxLog > MOST_LOGGED)
    throw new MisuseError(`maxLog must be a whole number from 1 to ${MOST_LOGGED}, not ${String(maxLog)}`);
  return { floor, maxLog };
}

/** @throws {MisuseError} */
export function checkedIds(call: 'load' | 'take', n: unknown, options: HotIdOptions): HotIdOptions {
  checkNumber(call, n);
  ID.check(options ?? {});
  checkId(call, options?.id);
  checkMs('timeout', options.timeout);
  return options;
}

/** @throws {MisuseError} */
export function checkedCall(options: HotCallOptions): HotCallOptions {
  CALL.check(options);
  checkMs('timeout', options.timeout);
  return options;
}

/** @throws {MisuseError} */
export function checkedWriteBack(options: WriteBackOptions): WriteBackOptions {
  WRITE_BACK.check(options);
  checkMs('everyMs', options.everyMs);
  return options;
}
