import {
  beatsDirectory,
  isInterval,
  isPrivate,
  MAX_EVERY_MS,
  type Mark,
  MIN_EVERY_MS,
  markText,
  privateFile,
  readReport,
  reportText,
} from './beat-file.ts';
import { MisuseError } from './errors.ts';
import type { Host, ProcessFacts } from './host.ts';
import { checkName, encodeName } from './name.ts';
import { nodeHost } from './node-host.ts';
import { directoryOf } from './open-store.ts';
import { commandLine } from './own-command.ts';
import type { Store } from './store.ts';
import type { StoreDirectory } from './store-directory.ts';
import { storeErrorOf } from './store-failure.ts';

const DEFAULT_INTERVAL_MS = 1_000;
/** A private file this old was left behind by a reporter that was killed before it could begin. */
const SWEPT_AFTER_MS = 60_000;

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

/**
 * A reporter: one file, made at the start and then touched at every beat through its own descriptor.
 * So it never reaches a newer reporter's file, however long it was stopped.
 */
export class Beat {
  readonly name: string;
  /** Resolves when it no longer speaks, whoever ended it. */
  readonly over: Promise<BeatEnd>;
  readonly #options: BeatOptions;
  readonly #key: string;
  readonly #since: number;
  readonly #directory: string;
  #fd = -1;
  #inode = 0;
  #size = 0;
  #begun = false;
  #isOver = false;
  #failure: Error | null = null;
  #cancelNext = (): void => undefined;
  #resolve: (end: BeatEnd) => void = () => undefined;

  /** Use `heartbeat()`. */
  constructor(options: BeatOptions) {
    const { host, directory, name } = options;
    this.name = name;
    this.#options = options;
    this.#key = host.processes.nonce();
    this.#since = this.#now();
    this.#directory = beatsDirectory(directory.path);
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
      this.#mark({ state: exit === 0 ? 'ended' : 'failed', code: exit, at: this.#now() }),
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

  get #path(): string {
    return `${this.#directory}/${encodeName(this.name)}`;
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
      this.#failure = storeErrorOf(error, { operation, resource: this.name, path: this.#path }) as Error;
      if (isNew) this.#options.onFailure?.(this.#failure);
    }
  }

  #report(): void {
    const { files } = this.#options.host;
    const found = this.#fd === -1 ? null : files.look(this.#path);
    if (found === null) {
      // The first beat; or somebody deleted the report, or the whole store.
      this.#close();
      this.#begin();
    } else if (found.inode !== this.#inode) {
      this.#finish('replaced');
    } else if (found.size !== this.#size) {
      // `lockstep beat NAME --stop` marked it.
      this.#finish('ended');
    } else {
      files.touchOpen(this.#fd);
    }
  }

  /**
   * Writes the report whole under a private name, then gives it its place. At first it takes the place of
   * whatever is there. Later it takes only a free one, for what is there then is a newer reporter's.
   * A crash in between leaves the private file, which a later reporter sweeps away.
   */
  #begin(): void {
    const { host, directory } = this.#options;
    directory.remake();
    host.files.makeDirectory(this.#directory, directory.directoryMode);
    const own = `${this.#directory}/${privateFile(this.#key)}`;
    try {
      this.#write(own);
      if (this.#take(own)) this.#begun = true;
      else this.#finish('replaced');
    } catch (error) {
      this.#close();
      throw error;
    } finally {
      this.#removeQuietly(own);
    }
    this.#sweep();
  }

  #write(own: string): void {
    const { host, directory, name, facts, everyMs, label } = this.#options;
    const text = reportText({ name, key: this.#key, facts, everyMs, since: this.#since, label });
    const bytes = Buffer.from(text);
    const fd = host.files.create(own, directory.fileMode);
    try {
      this.#writeWhole(fd, bytes);
    } finally {
      host.files.close(fd);
    }
    // Open for append: a mark must not overwrite one that somebody else set.
    this.#fd = host.files.openForAppend(own);
    this.#inode = host.files.look(own)?.inode ?? 0;
    this.#size = bytes.length;
  }

  #writeWhole(fd: number, bytes: Uint8Array): void {
    if (this.#options.host.files.write(fd, bytes, bytes.length) === bytes.length) return;
    throw Object.assign(new Error('ENOSPC: the write was cut short'), { code: 'ENOSPC' });
  }

  /** Gives the private file its place. False if a newer reporter has it. */
  #take(own: string): boolean {
    const { files } = this.#options.host;
    if (this.#begun) return files.link(own, this.#path);
    if (this.#failure !== null && this.#isNewerThere()) return false;
    files.rename(own, this.#path);
    return true;
  }

  /** Whether somebody began after us, while we could not write. */
  #isNewerThere(): boolean {
    const { files } = this.#options.host;
    const found = files.look(this.#path);
    if (found === null) return false;
    const reading = readReport(files, this.#path, found);
    return 'report' in reading && reading.report.since > this.#since;
  }

  #mark(mark: Mark): void {
    if (this.#fd !== -1) this.#writeWhole(this.#fd, Buffer.from(markText(mark)));
  }

  #finish(end: BeatEnd): void {
    this.#isOver = true;
    this.#cancelNext();
    this.#close();
    running.delete(this);
    this.#resolve(end);
  }

  #close(): void {
    if (this.#fd !== -1) this.#options.host.files.close(this.#fd);
    this.#fd = -1;
  }

  #removeQuietly(file: string): void {
    try {
      this.#options.host.files.remove(file);
    } catch {
      // A leftover harms nobody.
    }
  }

  /** Removes what killed reporters left before they had begun. Their keys are their own. */
  #sweep(): void {
    const { files } = this.#options.host;
    for (const file of files.list(this.#directory) ?? []) {
      if (!isPrivate(file)) continue;
      const path = `${this.#directory}/${file}`;
      const found = files.look(path);
      if (found !== null && this.#now() - found.modifiedMs > SWEPT_AFTER_MS) this.#removeQuietly(path);
    }
  }
}
