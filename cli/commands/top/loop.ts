import { later } from '../../../lib/internal.ts';
import type { TopActions } from './actions.ts';
import { type Frame, frameOf, type TopView } from './frame.ts';
import { helpLines, TopKeys } from './keys.ts';
import { TopScroll } from './scroll.ts';
import type { TopSource } from './source.ts';
import type { Paint } from './style.ts';
import { Terminal } from './terminal.ts';

/** Changes within this time are shown together: a release, and the grant that follows it. */
const GATHER_MS = 15;
/** The least time between two readings, */
const LEAST_MS = 100;
/** which also is at least this multiple of the time that a reading takes. */
const SHARE = 10;

export interface LoopOptions {
  /** Opens the source; the loop ends it. */
  open: (onChange: () => void) => TopSource;
  /** Whether the user named the resources. */
  isChosen: boolean;
  intervalMs: number;
  paint: Paint;
  actions: TopActions;
}

/** Shows a store on a terminal until the user quits. It reads the store after each change, and draws if the frame changes. */
export class TopLoop {
  readonly #options: LoopOptions;
  readonly #source: TopSource;
  readonly #terminal: Terminal;
  readonly #scroll = new TopScroll();
  readonly #keys: TopKeys;
  /** The last key was one that selects: then the selected entry is scrolled into sight. */
  #isFollowed = false;
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
    this.#keys = new TopKeys({ actions: options.actions, onChange: () => this.#draw(false) });
    this.#source = options.open(() => this.#noteChange());
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
      this.#source.end();
    }
  }

  /** The time of the next reading. */
  get #dueAt(): number {
    if (this.#scroll.isPaused) return Number.POSITIVE_INFINITY;
    const { pollMs } = this.#source;
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
    const startedAt = performance.now();
    this.#changedAt = null;
    const seen = this.#source.look(isThorough, first);
    this.#readAt = performance.now();
    this.#readMs = this.#readAt - startedAt;
    if (isThorough) this.#thoroughAt = this.#readAt;
    return { ...seen, place: this.#source.place, isChosen: this.#options.isChosen };
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
    const { selected, line, isHelp, isAsking } = this.#keys;
    const foot = { keys: hasKeys ? (line ?? keys) : null, isAsking, selected, isFollowed: this.#isFollowed };
    const place = isHelp ? { help: helpLines(size.columns), offset: 0 } : { offset };
    const frame = frameOf(this.#seen, { ...size, now: this.#now, clock: this.#clock, ...foot, ...place });
    if (isHelp) return frame;
    this.#scroll.offset = frame.offset;
    this.#keys.see(frame.entries);
    return frame;
  }

  #press(key: string): void {
    if (this.#keys.press(key)) {
      this.#isFollowed = true;
      this.#draw(false);
    } else if (key === 'q' || key === 'ctrl-c') {
      this.#isOver = true;
      this.#wakeUp();
    } else if (key === 'ctrl-z') {
      this.#terminal.stop();
    } else if (this.#scroll.press(key, this.#frame.page)) {
      this.#isFollowed = false;
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
