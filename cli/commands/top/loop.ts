import { later, readLine, type StoreView, StoreWatch } from '../../../lib/internal.ts';
import { deadlockedIn } from '../../report/deadlocks.ts';
import { type Frame, frameOf, type TopView } from './frame.ts';
import { TopScroll } from './scroll.ts';
import type { Paint } from './style.ts';
import { Terminal } from './terminal.ts';

/** Changes within this time are shown together: a release, and the grant that follows it. */
const GATHER_MS = 15;
/** The least time between two readings, */
const LEAST_MS = 100;
/** which also is at least this multiple of the time that a reading takes. */
const SHARE = 10;

export interface LoopOptions {
  view: StoreView;
  names: readonly string[];
  intervalMs: number;
  paint: Paint;
}

/** Shows a store on a terminal until the user quits. It reads the store after each change, and draws if the frame changes. */
export class TopLoop {
  readonly #options: LoopOptions;
  readonly #watch: StoreWatch;
  readonly #terminal: Terminal;
  readonly #scroll = new TopScroll();
  #isOver = false;
  #wake: () => void = () => undefined;
  #isWoken = false;
  /** When the first change was reported that has not been read yet. */
  #changedAt: number | null = null;
  #readAt = Number.NEGATIVE_INFINITY;
  #readMs = 0;
  #thoroughAt = Number.NEGATIVE_INFINITY;
  #seen: TopView;
  #frame: Frame;
  /** The times on the screen. */
  #now = Date.now();
  #clock = clockAt(this.#now);

  /** @throws {StoreError} if the store must not be used */
  constructor(options: LoopOptions) {
    this.#options = options;
    const { view, names } = options;
    this.#watch = new StoreWatch({ view, names, onChange: () => this.#noteChange() });
    this.#terminal = new Terminal({ onKey: (key) => this.#press(key), onLost: () => this.#draw(true, true) });
    this.#seen = this.#read(true, new Set());
    if (this.#seen.failure) throw this.#seen.failure;
    this.#frame = this.#framed();
  }

  async run(): Promise<void> {
    try {
      this.#terminal.enter();
      this.#draw(true, true);
      while (!this.#isOver) {
        await this.#rest();
        if (!this.#isOver && performance.now() >= this.#dueAt) this.#update();
      }
    } finally {
      this.#terminal.leave();
      this.#watch.end();
    }
  }

  /** The time of the next reading. */
  get #dueAt(): number {
    if (this.#scroll.isPaused) return Number.POSITIVE_INFINITY;
    const { pollMs } = this.#watch;
    const asked = Math.min(
      this.#changedAt === null ? Number.POSITIVE_INFINITY : this.#changedAt + GATHER_MS,
      pollMs === null ? Number.POSITIVE_INFINITY : this.#readAt + pollMs,
      this.#thoroughAt + this.#options.intervalMs,
    );
    return Math.max(asked, this.#readAt + Math.max(LEAST_MS, SHARE * this.#readMs));
  }

  #update(): void {
    const isThorough = performance.now() >= this.#thoroughAt + this.#options.intervalMs;
    this.#seen = this.#read(isThorough, this.#frame.names);
    this.#draw(isThorough);
  }

  #read(isThorough: boolean, first: ReadonlySet<string>): TopView {
    const { view, names } = this.#options;
    const startedAt = performance.now();
    this.#changedAt = null;
    const seen = this.#watch.look(isThorough, first);
    const lines = seen.lines.flatMap(({ line }) => line ?? []);
    const deadlocked = deadlockedIn(lines, (name) => readLine(view, name).line);
    this.#readAt = performance.now();
    this.#readMs = this.#readAt - startedAt;
    if (isThorough) this.#thoroughAt = this.#readAt;
    return { ...seen, place: view.place, isChosen: names.length > 0, deadlocked };
  }

  /**
   * Draws if the frame has changed. `isTime`: also if only ages have. `isLost`: in any case, because the screen was
   * overwritten. The clock alone is no reason: it is the time of the drawing.
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
      this.#wakeUp();
    } else if (key === 'ctrl-z') {
      this.#terminal.stop();
    } else if (this.#scroll.press(key, this.#frame.page)) {
      this.#draw(false);
      this.#wakeUp();
    }
  }

  #noteChange(): void {
    this.#changedAt ??= performance.now();
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Waits until the next reading is due, or until something happens. */
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
