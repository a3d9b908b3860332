import { MisuseError } from '../errors.ts';
import { commandLine } from '../host/command-line.ts';
import type { Host, ProcessFacts } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { OptionNames } from '../options/option-names.ts';
import { checkName } from '../store/name.ts';
import type { Records } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { directoryOf, recordsOf } from '../stores/open-store.ts';
import { type EndMark, isInterval, MAX_EVERY_MS, MIN_EVERY_MS } from './report-file.ts';
import { type BeatFound, OwnReport } from './report-writer.ts';
import { SharedReport } from './shared-report.ts';

const DEFAULT_INTERVAL_MS = 1_000;

const OPTIONS = new OptionNames<HeartbeatOptions>(
  'heartbeat(name, …)',
  { interval: true, store: true },
  { number: 'interval' },
);

/** Options of `heartbeat`. */
export interface HeartbeatOptions {
  /** How often to report, in ms: a whole number from 10 to 86,400,000 (a day). Default: 1,000. */
  interval?: number;
  /** A store, or its directory or URL. Default: `$LOCKSTEP_STORE`, `$LOCKSTEP_DIR`, or the user's own. */
  store?: Store | string;
}

/**
 * Reports that this program is alive, until `stop()` or the program's end. `lockstep monitor` shows the report.
 *
 * Use it in a program that must not hang or die unnoticed.
 *
 * The event loop renews the report, so a program that hangs is reported as late. The report keeps no process alive. When
 * the process exits with code 0 the report is marked as ended; with another code, or after an uncaught exception, as
 * failed. A process that dies of a signal, or a worker thread that is terminated, marks nothing, and the monitor finds
 * it gone. A heartbeat that fails (a full disk) has no effect on the program: the next one tries again. Of several
 * reporters of one name the newest one's report counts.
 *
 * In a store on servers, monitors on all machines see the report. There the end of a program that calls `process.exit()` itself is
 * known only on its own machine, unless `await beat.over` came first.
 *
 * @throws {MisuseError} if the name or the interval is invalid
 * @throws {StoreError} if the store cannot be opened or trusted
 *
 * @example
 * import { heartbeat } from 'lockstep';
 * const beat = heartbeat('packer', { interval: 800 });
 * console.log(beat.failure); // prints null
 * beat.stop();
 * console.log(await beat.over); // prints ended
 */
export function heartbeat(name: string, options: HeartbeatOptions = {}): Beat {
  checkName(name);
  OPTIONS.check(options);
  const { interval = DEFAULT_INTERVAL_MS, store } = options;
  checkInterval(interval);
  return new Beat({
    host: nodeHost,
    directory: directoryOf(store),
    records: recordsOf(store)?.records ?? null,
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
  /** Where other machines see the report, in a store on servers. */
  records?: Records | null;
  name: string;
  everyMs: number;
  /** The process that the report is about: this one, or another one of this machine. */
  facts: ProcessFacts;
  label: string;
  /** Called when a heartbeat fails after one that did not, or the mark of the end: then nothing tries again. */
  onFailure?: (error: Error, triesAgain: boolean) => void;
}

/** Why a reporter stopped: its report is marked as ended, or a newer reporter took the name over. */
export type BeatEnd = 'ended' | 'replaced';

/** Reporters that end with the process. */
const running = new Set<Beat>();

/** `code` is null for a signal: a process that dies of one marks nothing, and is found gone. */
function endAll(code: number | null): void {
  if (code === null) return;
  for (const beat of [...running]) beat.stop(code);
}

let hearsEnd = false;

function hearEnd(): void {
  if (!hearsEnd) process.on('beforeExit', markAll);
  hearsEnd = true;
}

/** The process ends by itself: the last moment at which something can be sent. */
function markAll(): void {
  for (const beat of running) beat.markShared(Number(process.exitCode ?? 0));
}

/** A `Beat` is a reporter: it renews its report as long as the event loop turns, until it is stopped or replaced. */
export class Beat {
  /** The name that the report has in the monitor. */
  readonly name: string;
  /** Resolves when the reporter has stopped, to the reason. */
  readonly over: Promise<BeatEnd>;
  readonly #options: BeatOptions;
  readonly #own: OwnReport;
  readonly #shared: SharedReport | null;
  #sharedFailure: Error | null = null;
  #isOver = false;
  #failure: Error | null = null;
  #cancelNext = (): void => undefined;
  #resolve: (end: BeatEnd) => void = () => undefined;

  /** @internal Call `heartbeat()` instead. */
  constructor(options: BeatOptions) {
    const { host, directory, records, name, everyMs, facts, label } = options;
    this.name = name;
    this.#options = options;
    const report = { name, key: host.processes.nonce(), facts, everyMs, since: this.#now(), label };
    this.#own = new OwnReport({ host, directory, report });
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#shared = records ? new SharedReport(records, host.clock, report) : null;
    if (this.#shared) hearEnd();
    running.add(this);
    host.processes.atExit(endAll);
    this.#beat();
  }

  /** Why the last heartbeat failed, or null if it did not. The next one tries again. */
  get failure(): Error | null {
    return this.#failure ?? this.#sharedFailure;
  }

  /**
   * Marks the report as ended, or as failed for an exit `code` other than 0, and stops. Idempotent. It never throws: if
   * the mark cannot be written, the reporter appears as late, and as gone once its process is.
   */
  stop(code = 0): void {
    if (this.#isOver) return;
    const mark = this.#markOf(code);
    this.#isOver = true;
    this.#attempt('end the report', () => this.#own.mark(mark));
    this.#finish('ended', this.#share(this.#shared?.mark(mark), true));
  }

  /** @internal Marks the end for other machines, unless a later heartbeat takes that back. */
  markShared(code: number): void {
    if (this.#shared?.isMarked === false) void this.#share(this.#shared.mark(this.#markOf(code)));
  }

  /** Stops without a mark: the reported process then appears as late, or as gone. */
  abandon(): void {
    if (!this.#isOver) this.#finish('ended');
  }

  /** Stops at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.stop();
  }

  #markOf(code: number): EndMark {
    const exit = Number.isInteger(code) && code >= 0 && code < 2 ** 31 ? code : 1;
    return { state: exit === 0 ? 'ended' : 'failed', code: exit, at: this.#now() };
  }

  #now(): number {
    return Math.floor(this.#options.host.clock.wallMicros() / 1_000);
  }

  #beat(): void {
    this.#attempt('report', () => this.#take(this.#own.beat()));
    if (this.#isOver) return;
    void this.#share(this.#shared?.beat());
    this.#cancelNext = this.#options.host.clock.timer(this.#options.everyMs, false, () => this.#beat());
  }

  #attempt(operation: string, call: () => void): void {
    try {
      call();
      this.#failure = null;
    } catch (error) {
      const isNew = this.#failure === null;
      this.#failure = storeErrorOf(error, { operation, resource: this.name, path: this.#own.path }) as Error;
      if (isNew) this.#options.onFailure?.(this.#failure, !this.#isOver);
    }
  }

  #take(found: BeatFound): void {
    if (found !== 'ours' && !this.#isOver) this.#finish(found === 'replaced' ? 'replaced' : 'ended');
  }

  /**
   * Follows a put for other machines, and resolves when it is over. It fails as a heartbeat does: without an effect. The
   * outcome of a heartbeat is not reported any more once the reporter has stopped.
   *
   * @param isMark whether it is the mark of the end
   */
  async #share(putting: Promise<BeatFound | void> | null | undefined, isMark = false): Promise<void> {
    if (!putting) return;
    try {
      const found = await putting;
      this.#sharedFailure = null;
      if (found) this.#take(found);
    } catch (error) {
      if (this.#isOver && !isMark) return;
      const isNew = this.#sharedFailure === null;
      this.#sharedFailure = error as Error;
      if (isNew) this.#options.onFailure?.(error as Error, !this.#isOver);
    }
  }

  /** @param marked when the end is known to other machines: it keeps the process alive until then, as a heartbeat does not */
  #finish(end: BeatEnd, marked: Promise<void> = Promise.resolve()): void {
    this.#isOver = true;
    this.#cancelNext();
    this.#own.close();
    running.delete(this);
    void marked.then(() => this.#resolve(end));
  }
}
