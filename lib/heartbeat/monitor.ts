import { errnoWords } from '../host/errno.ts';
import type { FileFacts, Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { GONE, whyGone, ZOMBIE } from '../session/liveness.ts';
import { encodeName } from '../store/name.ts';
import type { Records } from '../store/records.ts';
import { beatsDirectory, isPrivate, nameOfFile, type Report, type ReportReading, readReport } from './report-file.ts';
import { readShared, type SharedReading } from './shared-report.ts';
import { judge, patienceOf, type ReporterReading, type Verdict } from './verdict.ts';

/** A monitor looks four times while a report's patience lasts, within these bounds. */
const LOOKS = 4;
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 1_000;
/** A report that changes during each look is judged by the last one. */
const MAX_LOOKS = 3;

/** A reporter, by its name, and the verdict on it. */
export interface ReporterStatus extends Verdict {
  /** The report's file in the store: the name in its text may be false. */
  file: string;
  name: string;
  /** How old its last heartbeat is, in ms; null if there was none. */
  ageMs: number | null;
  report: Report | null;
}

/** Which programs a monitor looks at, and how patiently. */
export interface MonitorChoice {
  /** Empty: every name in the store, also names added later. */
  names: readonly string[];
  /** How old a heartbeat may be. Default: three intervals of each reporter, at least 1 s. */
  maxAgeMs?: number | undefined;
}

export interface MonitorOptions extends MonitorChoice {
  host: Host;
  directory: StoreDirectory;
  /** The reports of all machines, of a store on servers. */
  records?: Records | null;
}

/** The last reading, kept until the next look. */
interface Trail extends ReporterReading {
  found: FileFacts | null;
}

/** Stands for the file of a report on another machine. */
const NO_FILE: FileFacts = {
  kind: 'file',
  size: 0,
  mode: 0,
  uid: -1,
  gid: -1,
  device: 0,
  inode: 0,
  modifiedMs: 0,
};

const ABSENT: ReportReading = { problem: 'it never reported' };
const REMOVED: ReportReading = { problem: 'its report was taken away' };

/**
 * Reads reports, and writes nothing.
 *
 * It takes a report's first age from the wall clock, and then measures by its own monotonic clock from the change of
 * the file's time that it observed: so no reporter becomes late when the clock is set.
 */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #directory: string;
  readonly #named: ReadonlyMap<string, string>;
  #trails = new Map<string, Trail>();
  #lookedAt: number | null = null;
  /** By the names of their files. */
  #shared: ReadonlyMap<string, SharedReading> = new Map();

  /** @internal @throws {MisuseError} if a name can never be right */
  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#directory = beatsDirectory(options.directory.path);
    this.#named = new Map(options.names.map((name) => [encodeName(name), name]));
  }

  /** How long to wait before the next look, in ms. */
  get pollMs(): number {
    // The user's own bound also decides how soon later names are found.
    let least = this.#options.maxAgeMs ?? LOOKS * MAX_POLL_MS;
    for (const { reading } of this.#trails.values()) {
      if ('report' in reading && reading.report.mark === null)
        least = Math.min(least, patienceOf(reading.report, this.#options.maxAgeMs));
    }
    return Math.max(MIN_POLL_MS, Math.min(MAX_POLL_MS, least / LOOKS));
  }

  /**
   * Brings the reports of programs on other machines up to date. Use it before each `look` at a store on servers; on disk there is
   * nothing to do. Until the next one they are taken to be as they were, and age.
   *
   * @throws {StoreError} (rejects) with `UNREACHABLE` if no server answers within 5 s
   */
  async fetch(): Promise<void> {
    const { records } = this.#options;
    if (!records) return;
    const readings = await readShared(records);
    this.#shared = new Map(readings.map((reading) => [encodeName(reading.report.name), reading]));
  }

  /**
   * The status of every reporter, by name. A report that was removed since the last look is returned once more, as
   * unknown.
   *
   * @throws {StoreError} if the store cannot be read
   */
  look(): ReporterStatus[] {
    const now = this.#options.host.clock.monotonicMs();
    const sinceMs = this.#lookedAt === null ? null : now - this.#lookedAt;
    const before = this.#trails;
    this.#trails = new Map();
    const statuses = [...this.#files(before)].map((file) => this.#statusOf(file, before.get(file), sinceMs));
    this.#lookedAt = now;
    return statuses.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  #files(before: ReadonlyMap<string, Trail>): Iterable<string> {
    if (this.#named.size > 0) return this.#named.keys();
    try {
      const listed = this.#options.host.files.list(this.#directory) ?? [];
      return new Set([...before.keys(), ...this.#shared.keys(), ...listed.filter((file) => !isPrivate(file))]);
    } catch (error) {
      throw storeErrorOf(error, { operation: 'look at the reports', path: this.#directory });
    }
  }

  #statusOf(file: string, before: Trail | undefined, sinceMs: number | null): ReporterStatus {
    const trail = this.#follow(file, before, sinceMs);
    // A removed report is returned once; a name that was asked for, always.
    if (trail.found !== null || this.#named.size > 0) this.#trails.set(file, trail);
    const report = 'report' in trail.reading ? trail.reading.report : null;
    return {
      file,
      name: report?.name ?? this.#named.get(file) ?? nameOfFile(file),
      ...judge(trail, this.#options.maxAgeMs),
      ageMs: report === null ? null : trail.ageMs,
      report,
    };
  }

  /**
   * Looks at the file, then at the process; if that is gone, at the file again:
   *   1. the monitor reads the report: it has no end mark;
   *   2. the reporter marks the end, and exits;
   *   3. the monitor finds no process.
   * A process that is gone writes nothing more, so the second look distinguishes a clean end from a death.
   */
  #follow(file: string, before: Trail | undefined, sinceMs: number | null): Trail {
    let trail = this.#read(file, before, sinceMs);
    for (let looks = 1; looks < MAX_LOOKS && typeof trail.gone !== 'string'; looks++) {
      const gone = this.#whyGone(trail);
      if (typeof gone !== 'string') return { ...trail, gone };
      const again = this.#read(file, trail, 0);
      trail = isSame(trail.found, again.found) ? { ...again, gone } : again;
    }
    return trail;
  }

  #whyGone({ reading }: Trail): string | null | undefined {
    if ('problem' in reading || reading.report.mark) return undefined;
    const { host, directory } = this.#options;
    const why = whyGone(host.processes, reading.report.facts, {
      local: directory.local,
      since: reading.report.since * 1000,
    });
    // A process that has ended is a zombie until its parent reaps it: the same death, not another state.
    return why === ZOMBIE ? GONE : why;
  }

  /** Reads the file, if it has changed. */
  #read(file: string, before: Trail | undefined, sinceMs: number | null): Trail {
    const local = this.#readHere(file, before, sinceMs);
    const shared = this.#shared.get(file);
    if (!shared || !isNewer(shared.report, local.reading)) return local;
    const found = { ...NO_FILE, size: shared.revision, modifiedMs: shared.beatAt };
    if (before && isSame(before.found, found))
      return { ...before, ageMs: before.ageMs + this.#elapsed(before, sinceMs) };
    const ageMs = this.#firstAge(found, sinceMs);
    return { found, reading: { report: shared.report }, beatAt: shared.beatAt, ageMs, gone: undefined };
  }

  #readHere(file: string, before: Trail | undefined, sinceMs: number | null): Trail {
    const { files } = this.#options.host;
    const path = `${this.#directory}/${file}`;
    const none = { found: null, beatAt: 0, ageMs: 0, gone: undefined };
    try {
      const found = files.look(path);
      if (found === null) return { ...none, reading: before?.found || before?.reading === REMOVED ? REMOVED : ABSENT };
      if (before && isSame(before.found, found))
        return { ...before, ageMs: before.ageMs + this.#elapsed(before, sinceMs) };
      return {
        found,
        reading: readReport(files, path, found),
        beatAt: found.modifiedMs,
        ageMs: this.#firstAge(found, sinceMs),
        gone: undefined,
      };
    } catch (error) {
      return { ...none, reading: { problem: `its file cannot be looked at (${errnoWords(error)})` } };
    }
  }

  /**
   * How much older a report is that did not change. Time counts only up to a bound between two looks: if the whole
   * machine was paused, so was the reporter, and it gets time for a heartbeat before it is late.
   */
  #elapsed({ reading }: Trail, sinceMs: number | null): number {
    const patience = 'report' in reading ? patienceOf(reading.report, this.#options.maxAgeMs) : MAX_POLL_MS;
    return Math.min(sinceMs ?? 0, Math.max(patience / 2, 2 * MIN_POLL_MS));
  }

  /** The age of a new heartbeat: at most the time since the last look, whatever the clocks show. */
  #firstAge({ modifiedMs }: FileFacts, sinceMs: number | null): number {
    const byClock = Math.max(0, this.#options.host.clock.wallMicros() / 1_000 - modifiedMs);
    return sinceMs === null ? byClock : Math.min(byClock, sinceMs);
  }
}

/** Whether the report that all machines see counts, and not the file here. */
function isNewer(shared: Report, here: ReportReading): boolean {
  if ('problem' in here) return true;
  // Its file is fresher, unless the end was marked on another machine.
  if (shared.key === here.report.key) return shared.mark !== null && here.report.mark === null;
  return shared.since > here.report.since;
}

function isSame(one: FileFacts | null, other: FileFacts | null): boolean {
  if (one === null || other === null) return one === other;
  return one.inode === other.inode && one.size === other.size && one.modifiedMs === other.modifiedMs;
}
