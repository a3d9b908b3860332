import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import xterm from '@xterm/headless';
import { MAIN, type Rig } from './cli-rig.ts';

const DRIVER = fileURLToPath(new URL('terminal.py', import.meta.url));
/** A hang guard; no test's order depends on it. */
const UNTIL_MS = 20_000;
const BEGIN_FRAME = '\x1b[?2026h';

export interface PtyOptions {
  columns?: number;
  rows?: number;
  env?: Record<string, string | undefined>;
}

interface Report {
  pid?: number;
  out?: string;
  flags?: unknown;
  stopped?: boolean;
  status?: number | string;
}

/** A program in a pseudo terminal, and a terminal emulator with the screen that a person would see. */
export class Pty {
  /** All its output. */
  output = '';
  pid = 0;
  /** The terminal's flags before the program began, and when they were last read. */
  flagsBefore: unknown = null;
  flags: unknown = null;
  /** The exit status, or the name of the signal it died of. */
  status: number | string | null = null;
  /** How often it stopped. */
  stops = 0;
  isCursorShown = true;
  readonly #driver: ChildProcess;
  readonly #emulator: xterm.Terminal;
  readonly #waiting = new Set<() => void>();
  #asked = 0;
  #isClosed = false;

  private constructor(driver: ChildProcess, columns: number, rows: number) {
    this.#driver = driver;
    this.#emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1_000 });
    for (const final of ['h', 'l'])
      this.#emulator.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
        if (params.includes(25)) this.isCursorShown = final === 'h';
        return false;
      });
    createInterface({ input: driver.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#heard(line));
    driver.stdin?.on('error', () => undefined);
    // Not on `exit`: its last output may not have been read by then, nor processed by the emulator.
    driver.once('close', () =>
      this.#emulator.write('', () => {
        this.#isClosed = true;
        this.#changed();
      }),
    );
  }

  /** Starts a process as the leader of the terminal's session. */
  static async start(rig: Rig, command: readonly string[], options: PtyOptions = {}): Promise<Pty> {
    const { columns = 100, rows = 24, env = {} } = options;
    const driver = spawn('python3', [DRIVER, String(columns), String(rows), ...command], {
      cwd: rig.directory,
      env: {
        ...process.env,
        TERM: 'xterm-256color',
        LOCKSTEP_DIR: rig.storePath,
        NODE: process.execPath,
        MAIN,
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const pty = new Pty(driver, columns, rows);
    await pty.until('it began', () => pty.pid > 0);
    rig.stray(driver.pid ?? 0);
    rig.stray(pty.pid);
    return pty;
  }

  /** The screen, line by line, without trailing blanks. */
  get lines(): string[] {
    const { active } = this.#emulator.buffer;
    return Array.from(
      { length: this.#emulator.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '',
    );
  }

  get screen(): string {
    return this.lines.join('\n').trimEnd();
  }

  get isAlternate(): boolean {
    return this.#emulator.buffer.active.type === 'alternate';
  }

  get wraps(): boolean {
    return this.#emulator.modes.wraparoundMode;
  }

  /** The number of frames drawn, whole or in part. */
  get frames(): number {
    return this.output.split(BEGIN_FRAME).length - 1;
  }

  write(text: string): void {
    this.#order('write', text);
  }

  resize(columns: number, rows: number): void {
    this.#emulator.resize(columns, rows);
    this.#order('resize', columns, rows);
  }

  hangUp(): void {
    this.#order('hang up');
  }

  /** The terminal's flags as they are now. */
  async ask(): Promise<unknown> {
    const asked = this.#asked;
    this.#order('flags');
    await this.until('the flags are told', () => this.#asked > asked);
    return this.flags;
  }

  /** Waits until a condition on the screen holds. Checks at every event, never by the clock. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const timeout = AbortSignal.timeout(UNTIL_MS);
    while (!holds()) {
      if (timeout.aborted || (this.#isClosed && this.status === null))
        throw new Error(`it never came about that ${what}:\n${this.screen}`);
      await new Promise<void>((resolve) => {
        const end = (): void => {
          this.#waiting.delete(end);
          timeout.removeEventListener('abort', end);
          resolve();
        };
        this.#waiting.add(end);
        timeout.addEventListener('abort', end);
      });
    }
  }

  async shows(text: string | RegExp): Promise<void> {
    await this.until(`the screen shows ${text}`, () =>
      typeof text === 'string' ? this.screen.includes(text) : text.test(this.screen),
    );
  }

  async ended(): Promise<number | string> {
    await this.until('it ended', () => this.status !== null);
    return this.status ?? '';
  }

  #order(...words: unknown[]): void {
    this.#driver.stdin?.write(`${JSON.stringify(words)}\n`);
  }

  #heard(line: string): void {
    const { pid, out, flags, stopped, status } = JSON.parse(line) as Report;
    const bytes = Buffer.from(out ?? '', 'base64');
    this.output += bytes.toString('utf8');
    // The emulator processes writes in order, and calls back when it is done.
    this.#emulator.write(bytes, () => {
      if (flags !== undefined) {
        this.flagsBefore ??= flags;
        this.flags = flags;
        this.#asked += 1;
      }
      if (pid !== undefined) this.pid = pid;
      if (stopped) this.stops += 1;
      if (status !== undefined) this.status = status;
      this.#changed();
    });
  }

  #changed(): void {
    for (const end of [...this.#waiting]) end();
  }
}
