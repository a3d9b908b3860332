import { StoreError } from '../errors.ts';
import { LineTrail, type Sight, WatchBudget } from './line-watch.ts';
import type { StoreView } from './store-view.ts';

/** Directories that the kernel watches for us at once: a user has some thousands of watches for all programs together. */
const MAX_WATCHES = 256;
/** Journals that are looked at by their size in one look, of those that nobody watches. The next look goes on behind them. */
const MAX_POLLED = 256;
/** How soon it is looked again while there is something that nobody watches. */
const POLL_MS = 100;
/** Lines in which nothing changed, but somebody may have died, that are read anew in one thorough look. */
const MAX_JUDGED = 64;

/**
 * - `absent`: there is no store, or nothing was ever in it. `gone`: there was one.
 * - `unusable`: it cannot be read, or must not be trusted.
 */
export type StoreState = 'there' | 'absent' | 'gone' | 'unusable';

export interface StoreSight {
  state: StoreState;
  /** Why it is unusable. */
  failure: StoreError | null;
  /** In the order of their names. */
  sights: Sight[];
}

export interface WatchOptions {
  view: StoreView;
  /** Empty: every name in the store, also those that come later. */
  names: readonly string[];
  /** Something may have changed: look again, when you like. Until then each name tells once. */
  onChange: () => void;
  /** How many directories the kernel watches at most. Default 256. */
  maxWatches?: number;
}

/**
 * Follows a store's lines from outside. Where the kernel watches, nothing is done as long as nothing happens; where it
 * does not (too many names, no more watches to be had), a file's size tells.
 */
export class StoreWatch {
  readonly #options: WatchOptions;
  readonly #budget: WatchBudget;
  readonly #polled = new Rota(MAX_POLLED);
  readonly #judged = new Rota(MAX_JUDGED);
  #trails = new Map<string, LineTrail>();
  #mark: string | null = null;
  #stopWatching: (() => void) | null = null;
  #isNews = true;
  #state: StoreState = 'absent';
  #failure: StoreError | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#budget = new WatchBudget(options.maxWatches ?? MAX_WATCHES);
  }

  /** How soon to look again although nothing was heard, in ms; null if all is watched. */
  get pollMs(): number | null {
    return this.#stopWatching && this.#budget.used === this.#trails.size ? null : POLL_MS;
  }

  /** How many directories the kernel watches for this. */
  get watches(): number {
    return this.#budget.used + (this.#stopWatching ? 1 : 0);
  }

  /**
   * Reads what changed. A `thorough` look trusts no watch, and reads those lines anew in which somebody may have
   * died: those of `first`, and as many of the others as are due.
   */
  look(thorough: boolean, first: ReadonlySet<string> = new Set()): StoreSight {
    if (this.#isNews || thorough || !this.#stopWatching) this.#lookAtStore();
    if (this.#state === 'there') this.#lookAtLines(thorough, first);
    return { state: this.#state, failure: this.#failure, sights: [...this.#trails.values()].map(({ sight }) => sight) };
  }

  end(): void {
    this.#unwatchStore();
    for (const trail of this.#trails.values()) trail.unwatch();
  }

  /** Which names there are. The watch comes first: what happens behind it is told. */
  #lookAtStore(): void {
    const wasHeard = this.#isNews;
    this.#isNews = false;
    this.#watchStore();
    try {
      const { view, names } = this.#options;
      const mark = view.mark();
      if (mark === null) {
        this.#lose(this.#state === 'absent' ? 'absent' : 'gone');
      } else if (wasHeard || mark.text !== this.#mark || this.#state !== 'there') {
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
        this.#isNews = true;
        onChange();
      });
    } catch {
      // Not there yet, or out of watches: then it is polled.
    }
  }

  #unwatchStore(): void {
    this.#stopWatching?.();
    this.#stopWatching = null;
  }

  /** There is nothing to be seen, for now. */
  #lose(state: StoreState, failure: StoreError | null = null): void {
    this.#failure = state === 'unusable' ? failure : null;
    this.#follow([]);
    this.#follow([...this.#options.names].sort());
    this.#mark = null;
    this.#state = state;
    // What is watched may be what was moved away.
    this.#unwatchStore();
  }

  /** Drops the names that are no more, and takes up new ones, in order. */
  #follow(names: readonly string[]): void {
    const before = this.#trails;
    const { view, onChange } = this.#options;
    const options = { view, budget: this.#budget, onChange };
    this.#trails = new Map(names.map((name) => [name, before.get(name) ?? new LineTrail({ ...options, name })]));
    for (const trail of before.values()) if (!this.#trails.has(trail.name)) trail.unwatch();
  }

  #lookAtLines(thorough: boolean, first: ReadonlySet<string>): void {
    const trails = [...this.#trails.values()];
    if (thorough || this.#budget.used < trails.length) {
      const quiet = trails.filter(({ isNews }) => !isNews);
      for (const trail of this.#polled.next(quiet.filter(({ isWatched }) => !isWatched))) trail.probe();
      if (thorough) for (const trail of quiet.filter(({ isWatched }) => isWatched)) trail.probe();
    }
    if (thorough) {
      const used = trails.filter(({ isInUse }) => isInUse);
      for (const trail of used.filter(({ name }) => first.has(name))) trail.renew();
      for (const trail of this.#judged.next(used.filter(({ name }) => !first.has(name)))) trail.renew();
    }
    for (const trail of trails) if (trail.isNews) this.#read(trail);
  }

  /** Who is in use is watched rather than who is not. */
  #read(trail: LineTrail): void {
    trail.read();
    if (!trail.isInUse || trail.isWatched || !this.#budget.isSpent) return;
    const idle = [...this.#trails.values()].find(({ isWatched, isInUse }) => isWatched && !isInUse);
    if (!idle) return;
    idle.unwatch();
    // Once more, for what happened before the watch was there.
    trail.read();
  }
}

/** Takes turns: so many at a time, and the next time those behind them. */
class Rota {
  readonly #most: number;
  #from = 0;

  constructor(most: number) {
    this.#most = most;
  }

  next<T>(all: readonly T[]): T[] {
    if (all.length <= this.#most) return [...all];
    const from = this.#from % all.length;
    this.#from = from + this.#most;
    return [...all.slice(from, from + this.#most), ...all.slice(0, Math.max(0, from + this.#most - all.length))];
  }
}
