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
import { nodeHost } from '../../../lib/host/node-host.ts';
import { EXIT } from '../../output/exit.ts';

/** A line that is wider than we believe (terminals do not agree on emoji) is cut by the terminal, not wrapped. */
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';
/** Of a terminal that does not say. */
const COLUMNS = 80;
const ROWS = 24;
/** Within this, every signal that was waiting has been heard of. Nobody sees that `fg` takes so long. */
const SETTLE_MS = 20;

export interface TerminalEvents {
  /** A key, as Node's readline names it: `q`, `up`, `pagedown`; with `ctrl-` in front where that is held. */
  onKey: (key: string) => void;
  /** What is on the screen is not what was drawn, or the size is another one: draw all of it. */
  onLost: () => void;
}

interface Key {
  name?: string;
  ctrl?: boolean;
  shift?: boolean;
  sequence?: string;
}

/**
 * A person's terminal, taken for a while: its other screen, no cursor, keys as they are pressed. It is given back as it
 * was whenever this process ends or stops, in whatever way it can notice: only SIGKILL and SIGSTOP leave it as it is.
 */
export class Terminal {
  readonly #events: TerminalEvents;
  readonly #hasKeys = process.stdin.isTTY;
  #drawn: string[] = [];
  #isTaken = false;
  /** Stopped, or only just continued. */
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

  /** From now on, until `leave`. */
  enter(): void {
    nodeHost.processes.atExit(this.leave);
    nodeHost.processes.atSignals();
    // Before what went wrong is told on the screen that we are about to leave.
    process.on('uncaughtExceptionMonitor', this.leave);
    process.stdout.on('error', this.#onBroken);
    process.stdout.on('resize', this.#onLost);
    process.on('SIGTSTP', this.#onStop);
    process.on('SIGCONT', this.#onContinued);
    if (this.#hasKeys) this.#listen();
    this.#take();
  }

  /** Gives it back. Again and again does no harm. */
  readonly leave = (): void => {
    clearTimeout(this.#retake);
    if (!this.#isTaken) return;
    this.#isTaken = false;
    process.stdout.write(`${endSynchronizedOutput}${WRAP_ON}${cursorShow}${exitAlternativeScreen}`);
    if (this.#hasKeys) process.stdin.setRawMode(false);
  };

  /** Puts lines on the screen, from the top: those that changed, in one write. */
  draw(lines: readonly string[]): void {
    if (!this.#isTaken || this.#isAway) return;
    const many = Math.max(lines.length, this.#drawn.length);
    let changes = '';
    for (let row = 0; row < many; row++) {
      const line = lines[row] ?? '';
      // Erased first: behind a line that fills the screen, the cursor still stands on its last character.
      if (line !== this.#drawn[row]) changes += `${cursorTo(0, row)}${eraseEndLine}${line}`;
    }
    this.#drawn = [...lines];
    if (changes !== '') process.stdout.write(`${beginSynchronizedOutput}${changes}${endSynchronizedOutput}`);
  }

  /** As Ctrl-Z does, which raw mode keeps from the terminal: everybody in the foreground stops. */
  stop(): void {
    if (process.platform !== 'win32') process.kill(0, 'SIGTSTP');
  }

  /** Raw mode first: in the background that stops us, before we draw over what is somebody else's. */
  #take(): void {
    if (this.#hasKeys) {
      // Node believes to know the mode, but a shell may have set another one meanwhile.
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
      const key = shift && name?.length === 1 ? name.toUpperCase() : (name ?? text ?? sequence ?? '');
      this.#events.onKey(ctrl ? `ctrl-${key}` : key);
    });
    // The terminal has gone: it hung up, and we may not be told by a signal.
    process.stdin.on('end', this.#onBroken);
    process.stdin.on('error', this.#onBroken);
    process.stdin.resume();
  }

  readonly #onLost = (): void => {
    this.#drawn = [];
    if (this.#isTaken && !this.#isAway) process.stdout.write(clearViewport);
    this.#events.onLost();
  };

  /** There is nobody to show anything. Of what goes wrong as it is given back, nobody need know. */
  readonly #onBroken = (error?: NodeJS.ErrnoException): void => {
    if (this.#isTaken) process.exit(error?.code === 'EPIPE' ? EXIT.ok : EXIT.io);
  };

  /**
   * Stops as if nobody had listened. Not by SIGSTOP: where no shell is there to let us go on, SIGTSTP does nothing, and
   * we go on at once.
   */
  readonly #onStop = (): void => {
    this.leave();
    process.off('SIGTSTP', this.#onStop);
    process.kill(process.pid, 'SIGTSTP');
    process.on('SIGTSTP', this.#onStop);
    this.#onContinued();
  };

  /**
   * Also after a SIGSTOP, of which we were not told: whatever the screen shows then, it is not ours. What else came
   * while we were stopped goes first, it may be our end:
   *
   * 1. In the background we are stopped, and a shell is told `kill %1; kill -CONT %1`.
   * 2. Any thread takes a signal, so SIGCONT may reach Node's queue before SIGTERM.
   * 3. Raw mode, in the background, stops every thread again: SIGTERM would lie in the queue for ever.
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
