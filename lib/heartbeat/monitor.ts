import { errnoName } from '../host/errno.ts';
import type { FileFacts, Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { GONE, whyGone, ZOMBIE } from '../session/liveness.ts';
import { encodeName } from '../store/name.ts';
import { beatsDirectory, isPrivate, nameOfFile, type Report, type ReportReading, readReport } from './report-file.ts';
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

export interface MonitorOptions {
  host: Host;
  directory: StoreDirectory;
  /** Empty: every name in the store, also names added later. */
  names: readonly string[];
  /** How old a heartbeat may be. Default: three intervals of each reporter, at least 1 s. */
  maxAgeMs?: number | undefined;
}

/** The last reading, kept until the next look. */
interface Trail extends ReporterReading {
  found: FileFacts | null;
}

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

  /** @throws {MisuseError} if a name can never be right */
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
      return new Set([...before.keys(), ...listed.filter((file) => !isPrivate(file))]);
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
      const code = errnoName(error) ?? 'an unknown error';
      return { ...none, reading: { problem: `its file cannot be looked at (${code})` } };
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

function isSame(one: FileFacts | null, other: FileFacts | null): boolean {
  if (one === null || other === null) return one === other;
  return one.inode === other.inode && one.size === other.size && one.modifiedMs === other.modifiedMs;
}
