import { StoreError } from '../errors.ts';
import { type LineReading, LineWatch } from './line-watch.ts';
import { Rota } from './rota.ts';
import type { StoreView } from './store-view.ts';
import { WatchBudget } from './watch-budget.ts';

/** How many directories the kernel watches for one store: a user has some thousands of watches for all programs. */
const MAX_WATCHES = 256;
/** How many unwatched journals one look compares by size. The next look continues behind them. */
const MAX_POLLED = 256;
/** How soon to look again while something is not watched by the kernel. */
const POLL_MS = 100;
/** How many unchanged lines one thorough look reads again, because an owner in them may have died. */
const MAX_JUDGED = 64;

/**
 * - `absent`: there is no store, or nothing was ever in it. `gone`: there was one.
 * - `unusable`: it cannot be read or trusted.
 */
export type StoreState = 'there' | 'absent' | 'gone' | 'unusable';

/** The result of one look at a store. */
export interface StoreReading {
  state: StoreState;
  /** Why it is unusable. */
  failure: StoreError | null;
  /** By name. */
  lines: LineReading[];
}

export interface WatchOptions {
  view: StoreView;
  /** Empty: every name in the store, also those that come later. */
  names: readonly string[];
  /** Called when something may have changed; at most once for each name until the next look. */
  onChange: () => void;
  /** How many directories the kernel watches at most. Default: 256. */
  maxWatches?: number;
}

/**
 * Follows a store's lines from outside. A directory that the kernel watches costs nothing until something happens; for
 * the others (too many names, or no watches left) it compares the sizes of their journals.
 */
export class StoreWatch {
  readonly #options: WatchOptions;
  readonly #budget: WatchBudget;
  readonly #polled = new Rota(MAX_POLLED);
  readonly #judged = new Rota(MAX_JUDGED);
  #watches = new Map<string, LineWatch>();
  #mark: string | null = null;
  #stopWatching: (() => void) | null = null;
  #isDue = true;
  #state: StoreState = 'absent';
  #failure: StoreError | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#budget = new WatchBudget(options.maxWatches ?? MAX_WATCHES);
  }

  /** How soon to look again without a change, in ms; null if the kernel watches everything. */
  get pollMs(): number | null {
    return this.#stopWatching && this.#budget.used === this.#watches.size ? null : POLL_MS;
  }

  /** How many directories the kernel watches for this store. */
  get watches(): number {
    return this.#budget.used + (this.#stopWatching ? 1 : 0);
  }

  /**
   * Reads the lines that changed. A `thorough` look trusts no watch, and also reads again the lines in use, whose
   * owners may have died: all lines of `first`, and as many of the others as a look may.
   */
  look(thorough: boolean, first: ReadonlySet<string> = new Set()): StoreReading {
    if (this.#isDue || thorough || !this.#stopWatching) this.#lookAtStore();
    if (this.#state === 'there') this.#lookAtLines(thorough, first);
    return {
      state: this.#state,
      failure: this.#failure,
      lines: [...this.#watches.values()].map(({ reading }) => reading),
    };
  }

  end(): void {
    this.#unwatchStore();
    for (const line of this.#watches.values()) line.unwatch();
  }

  /** Lists the names. The watch comes first: it reports any name that is added during the listing. */
  #lookAtStore(): void {
    const wasDue = this.#isDue;
    this.#isDue = false;
    this.#watchStore();
    try {
      const { view, names } = this.#options;
      const mark = view.mark();
      if (mark === null) {
        this.#lose(this.#state === 'absent' ? 'absent' : 'gone');
      } else if (wasDue || mark.text !== this.#mark || this.#state !== 'there') {
        this.#follow(names.length > 0 ? [...names].sort() : view.names());
        this.#mark = mark.isSettled ? mark.text : null;
        this.#state = 'there';
        this.#failure = null;
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#lose(error.code === 'STORE_GONE' ? 'gone' : 'unusable', error);
    }
  }

  #watchStore(): void {
    const { view, onChange } = this.#options;
    this.#unwatchStore();
    try {
      this.#stopWatching = view.watch(view.resources, () => {
        this.#isDue = true;
        onChange();
      });
    } catch {
      // Not there yet, or no watch is left: then it is polled.
    }
  }

  #unwatchStore(): void {
    this.#stopWatching?.();
    this.#stopWatching = null;
  }

  /** Forgets all lines: the store cannot be seen for now. */
  #lose(state: StoreState, failure: StoreError | null = null): void {
    this.#failure = state === 'unusable' ? failure : null;
    this.#follow([]);
    this.#follow([...this.#options.names].sort());
    this.#mark = null;
    this.#state = state;
    // The watched directory may be the one that was moved away.
    this.#unwatchStore();
  }

  /** Follows these names, in this order, and no others. */
  #follow(names: readonly string[]): void {
    const before = this.#watches;
    const { view, onChange } = this.#options;
    const options = { view, budget: this.#budget, onChange };
    this.#watches = new Map(names.map((name) => [name, before.get(name) ?? new LineWatch({ ...options, name })]));
    for (const line of before.values()) if (!this.#watches.has(line.name)) line.unwatch();
  }

  #lookAtLines(thorough: boolean, first: ReadonlySet<string>): void {
    const lines = [...this.#watches.values()];
    if (thorough || this.#budget.used < lines.length) {
      const quiet = lines.filter(({ isDue }) => !isDue);
      for (const line of this.#polled.next(quiet.filter(({ isWatched }) => !isWatched))) line.probe();
      if (thorough) for (const line of quiet.filter(({ isWatched }) => isWatched)) line.probe();
    }
    if (thorough) {
      const used = lines.filter(({ isInUse }) => isInUse);
      for (const line of used.filter(({ name }) => first.has(name))) line.renew();
      for (const line of this.#judged.next(used.filter(({ name }) => !first.has(name)))) line.renew();
    }
    for (const line of lines) if (line.isDue) this.#read(line);
  }

  /** Reads a line. One that is in use takes its watch from one that is not. */
  #read(line: LineWatch): void {
    line.read();
    if (!line.isInUse || line.isWatched || !this.#budget.isSpent) return;
    const idle = [...this.#watches.values()].find(({ isWatched, isInUse }) => isWatched && !isInUse);
    if (!idle) return;
    idle.unwatch();
    // Again, for a change made before the watch was there.
    line.read();
  }
}
