import { StoreError } from '../errors.ts';
import { isErrno } from '../host/errno.ts';
import type { LineView } from '../store/store.ts';
import type { JournalMark, StoreView } from './store-view.ts';
import type { WatchBudget } from './watch-budget.ts';

/** The result of one look at a name: its line, null if there is none; or why it could not be read. */
export interface LineReading {
  readonly name: string;
  readonly line: LineView | null;
  readonly failure: StoreError | null;
}

export interface LineWatchOptions {
  view: StoreView;
  name: string;
  budget: WatchBudget;
  onChange: () => void;
}

/** Follows one name's line from outside: keeps the last reading, and knows when the next one is due. */
export class LineWatch {
  readonly name: string;
  readonly #options: LineWatchOptions;
  #reading: LineReading;
  #journal: string | null = null;
  #mark: JournalMark | null = null;
  #isDue = true;
  #stopWatching: (() => void) | null = null;

  constructor(options: LineWatchOptions) {
    this.#options = options;
    this.name = options.name;
    this.#reading = { name: options.name, line: null, failure: null };
  }

  get reading(): LineReading {
    return this.#reading;
  }

  /** Whether it was never read, or something has changed since. */
  get isDue(): boolean {
    return this.#isDue;
  }

  get isInUse(): boolean {
    return (this.#reading.line?.entries.length ?? 0) > 0;
  }

  get isWatched(): boolean {
    return this.#stopWatching !== null;
  }

  /** Makes the next reading due, whether anything was written or not. */
  renew(): void {
    this.#isDue = true;
  }

  /** Compares the journal's size. A rotated journal has grown by its seal, so the next epoch is found too. */
  probe(): void {
    const found = this.#journal === null ? null : markOf(this.#options.view, this.#journal);
    if (this.#mark !== null && found?.inode === this.#mark.inode && found.size === this.#mark.size) return;
    this.#isDue = this.#journal !== null || newestOf(this.#options.view, this.name) !== null;
    // The watched directory may be one that was moved away.
    if (this.#mark !== null && found?.inode !== this.#mark.inode) this.unwatch();
  }

  /** Watches first, then takes the mark, then reads the line: so the next look sees any change made meanwhile. */
  read(): void {
    const { view } = this.#options;
    this.#isDue = false;
    this.watch();
    this.#journal = newestOf(view, this.name);
    this.#mark = this.#journal === null ? null : markOf(view, this.#journal);
    this.#reading = readLine(view, this.name);
  }

  /** A watch reports once, however much happens. The next `read` sets it up again. */
  watch(): void {
    const { view, budget, onChange } = this.#options;
    if (this.#stopWatching || budget.isSpent) return;
    try {
      this.#stopWatching = view.watch(view.directoryOf(this.name), () => {
        this.unwatch();
        this.#isDue = true;
        onChange();
      });
      budget.used += 1;
    } catch (error) {
      // The system has no more watches: the budget is what this process has already.
      if (isErrno(error, 'ENOSPC', 'EMFILE')) budget.most = budget.used;
    }
  }

  unwatch(): void {
    if (!this.#stopWatching) return;
    this.#stopWatching();
    this.#stopWatching = null;
    this.#options.budget.used -= 1;
  }
}

/** Reads a name's line as it is now. An unreadable line is part of the reading, so that it hides no other line. */
export function readLine(view: StoreView, name: string): LineReading {
  try {
    return { name, line: view.snapshot(name), failure: null };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { name, line: null, failure: error };
  }
}

function newestOf(view: StoreView, name: string): string | null {
  return orNull(() => view.journalOf(name));
}

function markOf(view: StoreView, journal: string): JournalMark | null {
  return orNull(() => view.markOf(journal));
}

/** Returns null for a failure: the reading of the line reports it. */
function orNull<T>(call: () => T | null): T | null {
  try {
    return call();
  } catch {
    return null;
  }
}
