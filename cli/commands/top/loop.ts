import { readLine } from '../../../lib/observe/line-watch.ts';
import type { StoreView } from '../../../lib/observe/store-view.ts';
import { StoreWatch } from '../../../lib/observe/store-watch.ts';
import { later } from '../../../lib/time/timer.ts';
import { deadlockedIn } from '../../report/deadlocks.ts';
import { type Frame, frameOf, type TopView } from './frame.ts';
import { TopScroll } from './scroll.ts';
import type { Paint } from './style.ts';
import { Terminal } from './terminal.ts';

/** Changes that come together are shown together: a release, and who gets in by it. */
const GATHER_MS = 15;
/** However much happens, it is looked and drawn no more often than this, */
const LEAST_MS = 100;
/** and looking may take one part in so many of the time. */
const SHARE = 10;

export interface LoopOptions {
  view: StoreView;
  names: readonly string[];
  intervalMs: number;
  paint: Paint;
}

/** Shows a store on a terminal until a person quits: it looks when something happens, and draws when that is to be seen. */
export class TopLoop {
  readonly #options: LoopOptions;
  readonly #watch: StoreWatch;
  readonly #terminal: Terminal;
  readonly #scroll = new TopScroll();
  #isOver = false;
  #wake: () => void = () => undefined;
  #isWoken = false;
  /** When something was first heard of that was not looked at yet. */
  #heardAt: number | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #lookMs = 0;
  #thoroughAt = Number.NEGATIVE_INFINITY;
  #seen: TopView;
  #frame: Frame;
  /** The times that are on the screen. */
  #now = Date.now();
  #clock = clockAt(this.#now);

  /** @throws {StoreError} if the store must not be used */
  constructor(options: LoopOptions) {
    this.#options = options;
    const { view, names } = options;
    this.#watch = new StoreWatch({ view, names, onChange: () => this.#hear() });
    this.#terminal = new Terminal({ onKey: (key) => this.#press(key), onLost: () => this.#draw(true, true) });
    this.#seen = this.#look(true, new Set());
    if (this.#seen.failure) throw this.#seen.failure;
    this.#frame = this.#framed();
  }

  async run(): Promise<void> {
    try {
      this.#terminal.enter();
      this.#draw(true, true);
      while (!this.#isOver) {
        await this.#rest();
        if (!this.#isOver && performance.now() >= this.#dueAt) this.#follow();
      }
    } finally {
      this.#terminal.leave();
      this.#watch.end();
    }
  }

  /** When to look next. */
  get #dueAt(): number {
    if (this.#scroll.isPaused) return Number.POSITIVE_INFINITY;
    const { pollMs } = this.#watch;
    const asked = Math.min(
      this.#heardAt === null ? Number.POSITIVE_INFINITY : this.#heardAt + GATHER_MS,
      pollMs === null ? Number.POSITIVE_INFINITY : this.#lookedAt + pollMs,
      this.#thoroughAt + this.#options.intervalMs,
    );
    return Math.max(asked, this.#lookedAt + Math.max(LEAST_MS, SHARE * this.#lookMs));
  }

  #follow(): void {
    const isThorough = performance.now() >= this.#thoroughAt + this.#options.intervalMs;
    this.#seen = this.#look(isThorough, this.#frame.names);
    this.#draw(isThorough);
  }

  #look(isThorough: boolean, first: ReadonlySet<string>): TopView {
    const { view, names } = this.#options;
    const startedAt = performance.now();
    this.#heardAt = null;
    const seen = this.#watch.look(isThorough, first);
    const lines = seen.lines.flatMap(({ line }) => line ?? []);
    const inCycles = deadlockedIn(lines, (name) => readLine(view, name).line);
    this.#lookedAt = performance.now();
    this.#lookMs = this.#lookedAt - startedAt;
    if (isThorough) this.#thoroughAt = this.#lookedAt;
    return { ...seen, place: view.place, isChosen: names.length > 0, inCycles };
  }

  /**
   * Draws if that changes anything, `isTime` says also if only ages do; or whatever is there, if the screen lost it. The
   * clock alone is no reason: it tells when the rest was drawn.
   */
  #draw(isTime: boolean, isLost = false): void {
    const before = this.#frame;
    if (isTime) this.#now = Date.now();
    this.#frame = this.#framed();
    if (!isLost && isSame(before, this.#frame)) return;
    this.#now = Date.now();
    this.#clock = clockAt(this.#now);
    this.#frame = this.#framed();
    this.#terminal.draw(this.#options.paint(this.#frame.lines));
  }

  #framed(): Frame {
    const { offset, keys } = this.#scroll;
    const { hasKeys, size } = this.#terminal;
    const scene = { ...size, now: this.#now, clock: this.#clock, offset, keys: hasKeys ? keys : null };
    const frame = frameOf(this.#seen, scene);
    this.#scroll.offset = frame.offset;
    return frame;
  }

  #press(key: string): void {
    if (key === 'q' || key === 'ctrl-c') {
      this.#isOver = true;
      this.#turn();
    } else if (key === 'ctrl-z') {
      this.#terminal.stop();
    } else if (this.#scroll.press(key, this.#frame.page)) {
      this.#draw(false);
      this.#turn();
    }
  }

  #hear(): void {
    this.#heardAt ??= performance.now();
    this.#turn();
  }

  #turn(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Until it is time to look, or something else happens. */
  async #rest(): Promise<void> {
    let cancel = () => {};
    const restMs = Math.ceil(Math.max(0, this.#dueAt - performance.now()));
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        cancel = later(restMs, resolve);
      });
    }
    cancel();
    this.#isWoken = false;
  }
}

function isSame(one: Frame, other: Frame): boolean {
  return (
    one.lines.length === other.lines.length &&
    one.lines.every(({ text, tone }, at) => text === other.lines[at]?.text && tone === other.lines[at]?.tone)
  );
}

function clockAt(now: number): string {
  return new Date(now).toTimeString().slice(0, 8);
}
