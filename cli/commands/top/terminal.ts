import { emitKeypressEvents } from 'node:readline';
import {
  beginSynchronizedOutput,
  clearViewport,
  cursorHide,
  cursorShow,
  cursorTo,
  endSynchronizedOutput,
  enterAlternativeScreen,
  eraseEndLine,
  exitAlternativeScreen,
} from 'ansi-escapes';
import { nodeHost } from '../../../lib/internal.ts';
import { statusOfSignal } from '../../child/status.ts';
import { EXIT } from '../../output/exit.ts';

/** The terminal cuts a line that is wider than computed (terminals disagree on emoji), instead of wrapping it. */
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';
/** Signals that end a process unless it handles them, besides those that the library handles. */
const ENDING: readonly NodeJS.Signals[] = [
  ...(['SIGQUIT', 'SIGABRT', 'SIGALRM', 'SIGVTALRM', 'SIGXCPU', 'SIGUSR2'] as const),
  ...(['SIGTRAP', 'SIGSYS', 'SIGIO', 'SIGPWR', 'SIGSTKFLT'] as const),
];
/** For a terminal that does not report its size. */
const COLUMNS = 80;
const ROWS = 24;
/** Within this time all pending signals have been delivered. A delay of `fg` this short is not visible. */
const SETTLE_MS = 20;

export interface TerminalEvents {
  /** Gets a key as Node's readline names it: `q`, `up`, `pagedown`; with the prefix `ctrl-` if Ctrl is held. */
  onKey: (key: string) => void;
  /** The screen was overwritten or resized: all of it must be drawn. */
  onLost: () => void;
}

interface Key {
  name?: string;
  ctrl?: boolean;
  shift?: boolean;
  sequence?: string;
}

/**
 * Takes over the user's terminal: alternative screen, no cursor, raw keys. It restores the terminal whenever this process
 * ends or stops in a way that it can notice; only after SIGKILL and SIGSTOP the terminal stays as it is.
 */
export class Terminal {
  readonly #events: TerminalEvents;
  readonly #hasKeys = process.stdin.isTTY;
  #drawn: string[] = [];
  #isTaken = false;
  /** Stopped, or just continued. */
  #isAway = false;
  #retake: NodeJS.Timeout | undefined;

  constructor(events: TerminalEvents) {
    this.#events = events;
  }

  get hasKeys(): boolean {
    return this.#hasKeys;
  }

  get size(): { columns: number; rows: number } {
    const { columns, rows } = process.stdout;
    return { columns: columns || COLUMNS, rows: rows || ROWS };
  }

  /** Takes the terminal until `leave`. */
  enter(): void {
    nodeHost.processes.atExit(this.leave);
    nodeHost.processes.atSignals(true);
    // Before Node prints the error, which would go to the alternative screen.
    process.on('uncaughtExceptionMonitor', this.leave);
    process.stdout.on('error', this.#onBroken);
    process.stdout.on('resize', this.#onLost);
    for (const signal of ENDING) process.once(signal, this.#onEnd);
    process.on('SIGTSTP', this.#onStop);
    process.on('SIGCONT', this.#onContinued);
    if (this.#hasKeys) this.#listen();
    this.#take();
  }

  /** Restores the terminal. Idempotent. */
  readonly leave = (): void => {
    clearTimeout(this.#retake);
    if (!this.#isTaken) return;
    this.#isTaken = false;
    process.stdout.write(`${endSynchronizedOutput}${WRAP_ON}${cursorShow}${exitAlternativeScreen}`);
    if (this.#hasKeys) process.stdin.setRawMode(false);
  };

  /** Draws lines from the top: only those that changed, in one write. */
  draw(lines: readonly string[]): void {
    if (!this.#isTaken || this.#isAway) return;
    const many = Math.max(lines.length, this.#drawn.length);
    let changes = '';
    for (let row = 0; row < many; row++) {
      const line = lines[row] ?? '';
      // Erase first: after a line that fills the row, the cursor is still on its last character.
      if (line !== this.#drawn[row]) changes += `${cursorTo(0, row)}${eraseEndLine}${line}`;
    }
    this.#drawn = [...lines];
    if (changes !== '') process.stdout.write(`${beginSynchronizedOutput}${changes}${endSynchronizedOutput}`);
  }

  /** Stops the foreground process group, as Ctrl-Z does without raw mode. */
  stop(): void {
    if (process.platform !== 'win32') process.kill(0, 'SIGTSTP');
  }

  /** Sets raw mode first: in the background that stops this process before it draws over another program's screen. */
  #take(): void {
    if (this.#hasKeys) {
      // Node caches the mode, but a shell may have changed it meanwhile.
      process.stdin.setRawMode(false);
      process.stdin.setRawMode(true);
    }
    this.#isTaken = true;
    this.#isAway = false;
    this.#drawn = [];
    process.stdout.write(`${enterAlternativeScreen}${cursorHide}${WRAP_OFF}${clearViewport}`);
  }

  #listen(): void {
    emitKeypressEvents(process.stdin);
    process.stdin.on('keypress', (text: string | undefined, { name, ctrl, shift, sequence }: Key) => {
      const key =
        shift && name === 'tab'
          ? 'backtab'
          : shift && name?.length === 1
            ? name.toUpperCase()
            : (name ?? text ?? sequence ?? '');
      this.#events.onKey(ctrl ? `ctrl-${key}` : key);
    });
    // The terminal hung up, perhaps without a signal.
    process.stdin.on('end', this.#onBroken);
    process.stdin.on('error', this.#onBroken);
    process.stdin.resume();
  }

  readonly #onLost = (): void => {
    this.#drawn = [];
    if (this.#isTaken && !this.#isAway) process.stdout.write(clearViewport);
    this.#events.onLost();
  };

  /** The terminal is gone. Errors while it is restored are ignored. */
  readonly #onBroken = (error?: NodeJS.ErrnoException): void => {
    if (this.#isTaken) process.exit(error?.code === 'EPIPE' ? EXIT.ok : EXIT.io);
  };

  /** Ends as a process without a listener does. The first process of a container survives its own signal. */
  readonly #onEnd = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 0) return;
    this.leave();
    process.kill(process.pid, signal);
    process.exit(statusOfSignal(signal));
  };

  /**
   * Stops as a process without a listener does. Not with SIGSTOP: without a shell to continue this process, the kernel
   * ignores SIGTSTP, and this process continues at once.
   */
  readonly #onStop = (): void => {
    this.leave();
    process.off('SIGTSTP', this.#onStop);
    process.kill(process.pid, 'SIGTSTP');
    process.on('SIGTSTP', this.#onStop);
    this.#onContinued();
  };

  /**
   * Takes the terminal again after a stop, also after a SIGSTOP that this process could not notice. Other pending signals
   * are handled first, since one may end this process:
   *
   * 1. This process is stopped in the background, and a user runs `kill %1; kill -CONT %1`.
   * 2. Any thread may take a signal, so SIGCONT may reach Node's queue before SIGTERM.
   * 3. Setting raw mode in the background stops every thread again: SIGTERM would stay in the queue for ever.
   */
  readonly #onContinued = (): void => {
    clearTimeout(this.#retake);
    this.#isAway = true;
    this.#retake = setTimeout(() => {
      this.#take();
      this.#events.onLost();
    }, SETTLE_MS);
  };
}
