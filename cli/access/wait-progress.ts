import fs from 'node:fs';
import type { LineView } from '../../lib/index.ts';
import { nodeHost } from '../../lib/internal.ts';
import { isHeldByUs } from './holder-words.ts';
import type { Target } from './target.ts';
import { usualHoldMs } from './wait-estimate.ts';
import { hasPermits, waitLine } from './wait-words.ts';

const EVERY_MS = 1_000;
/** After this long a waiter shows its progress less often: a machine may have hundreds that wait. */
const LONG_MS = 60_000;
const RARELY_MS = 5_000;
const COLUMNS = 80;
/** Room for the `^C` that the terminal shows: in the next row it would be erased, and not the line. */
const ECHO = 3;
const ERASE_LINE = '\r\x1b[2K';

/** The progress that is shown now: a terminal has one line for it. */
let shown: WaitProgress | null = null;

function endShown(): void {
  shown?.end();
}

/**
 * Shows a person at a terminal how a wait goes on: in one line, which is rewritten each second, and gone when the wait is over.
 *
 * It looks at the line as any other reader does: the wait itself neither knows of it nor waits for it.
 */
export class WaitProgress {
  readonly #awaited: Target;
  /** Null: not known, or not asked for yet. */
  #usualMs: number | null = null;
  #hasAsked = false;
  readonly #began = performance.now();
  #isShown = false;
  #isOver = false;
  #next: NodeJS.Timeout | undefined;
  readonly #withoutSignals: () => void;

  private constructor(awaited: Target) {
    this.#awaited = awaited;
    // A signal that ends the wait leaves no half of a line before the shell's prompt, also where the wait has no entry to release.
    shown = this;
    nodeHost.processes.atExit(endShown);
    this.#withoutSignals = nodeHost.processes.atSignals(true);
    void this.#show();
  }

  /** Null where a line cannot be rewritten: in the background it would be another program's. */
  static begin(awaited: Target): WaitProgress | null {
    if (process.env.TERM === 'dumb' || !isForeground()) return null;
    return new WaitProgress(awaited);
  }

  /** Erases the line. From now on nothing is written. Idempotent. */
  end(): void {
    clearTimeout(this.#next);
    this.#isOver = true;
    this.#withoutSignals();
    this.#erase();
  }

  async #show(): Promise<void> {
    // Between two looks it may have been put into the background.
    if (isForeground()) await this.#write();
    else this.#isShown = false;
    const everyMs = performance.now() - this.#began < LONG_MS ? EVERY_MS : RARELY_MS;
    if (!this.#isOver) this.#next = setTimeout(() => void this.#show(), everyMs).unref();
  }

  async #write(): Promise<void> {
    const { name, foreignWords: foreign = null } = this.#awaited;
    const line = await this.#look();
    if (this.#isOver) return;
    // A resource that we hold is not waited for: the verb does its work.
    if (line && isHeldByUs(line) && foreign === null) return this.#erase();
    if (line && hasPermits(line)) this.#askUsual();
    const columns = (process.stderr.columns || COLUMNS) - ECHO;
    const text = waitLine({ name, line, foreign, now: Date.now(), usualMs: this.#usualMs }, columns);
    this.#isShown = true;
    process.stderr.write(`${ERASE_LINE}${text}`);
  }

  /** A store that cannot be read is reported by the wait itself. */
  async #look(): Promise<LineView | null> {
    try {
      return await this.#awaited.store.snapshot(this.#awaited.name);
    } catch {
      return null;
    }
  }

  /** Asks once, and only for a line whose past shows how long a wait may take: that of a barrier or an event does not. */
  #askUsual(): void {
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    void usualHoldMs(this.#awaited.store, this.#awaited.name).then((ms) => {
      this.#usualMs = ms;
    });
  }

  #erase(): void {
    if (this.#isShown && isForeground()) process.stderr.write(ERASE_LINE);
    this.#isShown = false;
  }
}

/** Whether the terminal's foreground process group is this one. False where the kernel does not say it in a file. */
function isForeground(): boolean {
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'latin1');
    // Behind the name, which may have any character: state, parent, group, session, terminal, the terminal's foreground group.
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group !== undefined && group === foreground;
  } catch {
    return false;
  }
}
