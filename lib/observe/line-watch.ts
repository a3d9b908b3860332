import { StoreError } from '../errors.ts';
import { isErrno } from '../host/errno.ts';
import type { LineView } from '../store/store.ts';
import type { JournalMark, StoreView } from './store-view.ts';

/** One name, as it was found: its line, null if there is none; or why that cannot be told. */
export interface Sight {
  readonly name: string;
  readonly line: LineView | null;
  readonly problem: string;
}

/** How many directories the kernel watches for us, and how many it may. */
export class WatchBudget {
  most: number;
  used = 0;

  constructor(most: number) {
    this.most = most;
  }

  get isSpent(): boolean {
    return this.used >= this.most;
  }
}

export interface TrailOptions {
  view: StoreView;
  name: string;
  budget: WatchBudget;
  onChange: () => void;
}

/** What is remembered of a name between two looks at it, and what tells that it is time for the next. */
export class LineTrail {
  readonly name: string;
  readonly #options: TrailOptions;
  #sight: Sight;
  #journal: string | null = null;
  #mark: JournalMark | null = null;
  #isNews = true;
  #stopWatching: (() => void) | null = null;

  constructor(options: TrailOptions) {
    this.#options = options;
    this.name = options.name;
    this.#sight = { name: options.name, line: null, problem: '' };
  }

  get sight(): Sight {
    return this.#sight;
  }

  /** It was never read, or something has changed since. */
  get isNews(): boolean {
    return this.#isNews;
  }

  get isInUse(): boolean {
    return (this.#sight.line?.entries.length ?? 0) > 0;
  }

  get isWatched(): boolean {
    return this.#stopWatching !== null;
  }

  /** To be read anew, whether anything was written or not. */
  renew(): void {
    this.#isNews = true;
  }

  /** Looks at the journal's size. A rotated one has grown by its seal: so the next one is found too. */
  probe(): void {
    const found = this.#journal === null ? null : markOf(this.#options.view, this.#journal);
    if (this.#mark !== null && found?.inode === this.#mark.inode && found.size === this.#mark.size) return;
    this.#isNews = this.#journal !== null || newestOf(this.#options.view, this.name) !== null;
    // What is watched may be a directory that was moved away.
    if (this.#mark !== null && found?.inode !== this.#mark.inode) this.unwatch();
  }

  /** The watch first, then the mark, then the line: so whatever happens meanwhile is seen by the next look. */
  read(): void {
    const { view } = this.#options;
    this.#isNews = false;
    this.watch();
    this.#journal = newestOf(view, this.name);
    this.#mark = this.#journal === null ? null : markOf(view, this.#journal);
    this.#sight = look(view, this.name);
  }

  /** A watch tells once, however much happens, and is set up again as the line is read. */
  watch(): void {
    const { view, budget, onChange } = this.#options;
    if (this.#stopWatching || budget.isSpent) return;
    try {
      this.#stopWatching = view.watch(view.directoryOf(this.name), () => {
        this.unwatch();
        this.#isNews = true;
        onChange();
      });
      budget.used += 1;
    } catch (error) {
      // The system has no more of them: those that we have are all that we get.
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

/** A name's line as it is now. What cannot be read is told of, and is no reason to see nothing of the others. */
export function look(view: StoreView, name: string): Sight {
  try {
    return { name, line: view.snapshot(name), problem: '' };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { name, line: null, problem: error.message };
  }
}

function newestOf(view: StoreView, name: string): string | null {
  return orNull(() => view.journalOf(name));
}

function markOf(view: StoreView, journal: string): JournalMark | null {
  return orNull(() => view.markOf(journal));
}

/** Why it cannot be looked at, reading the line tells. */
function orNull<T>(call: () => T | null): T | null {
  try {
    return call();
  } catch {
    return null;
  }
}
