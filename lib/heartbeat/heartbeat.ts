import { directoryOf } from '../disk/open-store.ts';
import { MisuseError } from '../errors.ts';
import { commandLine } from '../host/command-line.ts';
import type { Host, ProcessFacts } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { checkName } from '../store/name.ts';
import type { Store } from '../store/store.ts';
import { isInterval, MAX_EVERY_MS, MIN_EVERY_MS } from './report-file.ts';
import { OwnReport } from './report-writer.ts';

const DEFAULT_INTERVAL_MS = 1_000;

export interface HeartbeatOptions {
  /** How often to beat, in ms: a whole number from 10 to 86,400,000 (a day). Default: 1,000. */
  interval?: number;
  /** A store on disk, or its directory. Default: `$LOCKSTEP_DIR`, or the user's own. */
  store?: Store | string;
}

/**
 * Reports that this program is alive, until `stop()` or its end. `lockstep monitor` shows it.
 *
 * The report is the event loop's: a program that hangs is late. It keeps no process alive. When the
 * process exits with code 0 the report ends well, with another code (or an uncaught exception) it has
 * failed. A process that dies of a signal, or a worker thread that is terminated, leaves no word, and its
 * monitor finds it gone. A beat that fails (a full disk) harms nobody: the next one tries again. Of
 * several reporters of one name the newest speaks for it.
 *
 * ```ts
 * const beat = heartbeat('packer', { interval: 800 });
 * await packLogs();
 * beat.stop();
 * ```
 *
 * @throws {MisuseError} if the name or the interval can never be right
 * @throws {StoreError} if the store cannot be opened or trusted
 */
export function heartbeat(name: string, options: HeartbeatOptions = {}): Beat {
  const { interval = DEFAULT_INTERVAL_MS, store } = options;
  checkName(name);
  checkInterval(interval);
  return new Beat({
    host: nodeHost,
    directory: directoryOf(store),
    name,
    everyMs: interval,
    facts: nodeHost.processes.self(),
    label: commandLine(),
  });
}

/** @throws {MisuseError} */
export function checkInterval(interval: number): void {
  if (isInterval(interval)) return;
  const shown = typeof interval === 'number' ? interval : typeof interval;
  throw new MisuseError(
    `the interval of a heartbeat must be a whole number of ms from ${MIN_EVERY_MS} to ${MAX_EVERY_MS}, not ${shown}`,
  );
}

export interface BeatOptions {
  host: Host;
  directory: StoreDirectory;
  name: string;
  everyMs: number;
  /** Whose life is reported: this process's, or another one's on this machine. */
  facts: ProcessFacts;
  label: string;
  /** Called when a beat fails after one that did not. */
  onFailure?: (error: Error) => void;
}

/** Why a reporter no longer speaks: its report is marked as ended, or a newer reporter took the name over. */
export type BeatEnd = 'ended' | 'replaced';

/** Reporters that end with the process. */
const running = new Set<Beat>();

/** `code` is null for a signal: whoever dies of one leaves no word, and is found gone. */
function endAll(code: number | null): void {
  if (code === null) return;
  for (const beat of [...running]) beat.stop(code);
}

/** A reporter: it beats as long as the event loop turns, until it is stopped, marked or replaced. */
export class Beat {
  readonly name: string;
  /** Resolves when it no longer speaks, whoever ended it. */
  readonly over: Promise<BeatEnd>;
  readonly #options: BeatOptions;
  readonly #own: OwnReport;
  #isOver = false;
  #failure: Error | null = null;
  #cancelNext = (): void => undefined;
  #resolve: (end: BeatEnd) => void = () => undefined;

  /** Use `heartbeat()`. */
  constructor(options: BeatOptions) {
    const { host, directory, name, everyMs, facts, label } = options;
    this.name = name;
    this.#options = options;
    const report = { name, key: host.processes.nonce(), facts, everyMs, since: this.#now(), label };
    this.#own = new OwnReport({ host, directory, report });
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    running.add(this);
    host.processes.atExit(endAll);
    this.#beat();
  }

  /** Why the last beat failed, or null if it did not. It is tried again at the next one. */
  get failure(): Error | null {
    return this.#failure;
  }

  /**
   * Ends the report: well, or with an exit `code` other than 0 as a failure. Idempotent. It never throws:
   * if it cannot be written the reporter is late, and gone once its process is.
   */
  stop(code = 0): void {
    if (this.#isOver) return;
    const exit = Number.isInteger(code) && code >= 0 && code < 2 ** 31 ? code : 1;
    this.#attempt('end the report', () =>
      this.#own.mark({ state: exit === 0 ? 'ended' : 'failed', code: exit, at: this.#now() }),
    );
    this.#finish('ended');
  }

  /** Ends the reporter without a word: whose life it reported is gone, or is late from now on. */
  abandon(): void {
    if (!this.#isOver) this.#finish('ended');
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #now(): number {
    return Math.floor(this.#options.host.clock.wallMicros() / 1_000);
  }

  #beat(): void {
    this.#attempt('report', () => this.#report());
    if (this.#isOver) return;
    this.#cancelNext = this.#options.host.clock.timer(this.#options.everyMs, false, () => this.#beat());
  }

  #attempt(operation: string, call: () => void): void {
    try {
      call();
      this.#failure = null;
    } catch (error) {
      const isNew = this.#failure === null;
      this.#failure = storeErrorOf(error, { operation, resource: this.name, path: this.#own.path }) as Error;
      if (isNew) this.#options.onFailure?.(this.#failure);
    }
  }

  #report(): void {
    const found = this.#own.beat();
    if (found !== 'ours') this.#finish(found === 'replaced' ? 'replaced' : 'ended');
  }

  #finish(end: BeatEnd): void {
    this.#isOver = true;
    this.#cancelNext();
    this.#own.close();
    running.delete(this);
    this.#resolve(end);
  }
}
