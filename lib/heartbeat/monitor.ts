import { errnoName } from '../host/errno.ts';
import type { FileFacts, Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { GONE, whyGone, ZOMBIE } from '../session/liveness.ts';
import { encodeName } from '../store/name.ts';
import { beatsDirectory, isPrivate, nameOfFile, type Reading, type Report, readReport } from './report-file.ts';

/** A report is late after this many of its own intervals, and never before this long. */
const PATIENCE_INTERVALS = 3;
const MIN_PATIENCE_MS = 1_000;
/** A monitor looks four times while a report's patience lasts, within these bounds. */
const LOOKS = 4;
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 1_000;
/** A name whose file changes each time we look at it is judged by the last look. */
const MAX_LOOKS = 3;

/**
 * - `alive`: it beats.
 * - `late`: it has not beaten for too long, but nothing proves that it is gone.
 * - `gone`: its process is proved gone without a word, or it said that it failed.
 * - `ended`: it said that it ended well.
 * - `unknown`: it never reported, or its report cannot be understood.
 */
export type BeatState = 'alive' | 'late' | 'gone' | 'ended' | 'unknown';

/** What a monitor found out about one name. */
export interface Sight {
  reading: Reading;
  /** When the report was last touched, by its file's time, in ms since 1970. */
  beatAt: number;
  /** For how long it has not been touched, in ms. */
  ageMs: number;
  /** As `whyGone` says it. */
  gone: string | null | undefined;
}

export interface Verdict {
  state: BeatState;
  /** Since when, in ms since 1970; null if that is not known. */
  since: number | null;
  /** Why; empty if it is alive. */
  reason: string;
}

/** One name, judged. */
export interface Watched extends Verdict {
  /** The report's file in the store: what it says of its own name may be false. */
  file: string;
  name: string;
  /** How old its last beat is, in ms; null if there was none. */
  ageMs: number | null;
  report: Report | null;
}

/** Whether nobody needs to look after it. */
export function isWell(state: BeatState): boolean {
  return state === 'alive' || state === 'ended';
}

/** How old a report may be before it is late, in ms. `chosen` is the user's own bound for all. */
export function patienceOf(report: Report, chosen?: number): number {
  return chosen ?? Math.max(MIN_PATIENCE_MS, PATIENCE_INTERVALS * report.everyMs);
}

/** The rules by which a name is judged. Pure. */
export function judge({ reading, beatAt, ageMs, gone }: Sight, maxAgeMs?: number): Verdict {
  if ('problem' in reading) return { state: 'unknown', since: null, reason: reading.problem };
  const { report } = reading;
  const { mark } = report;
  if (mark?.state === 'ended') return { state: 'ended', since: mark.at, reason: 'it ended well' };
  if (mark) return { state: 'gone', since: mark.at, reason: `it failed with exit code ${mark.code}` };
  if (typeof gone === 'string') return { state: 'gone', since: beatAt, reason: gone };
  if (ageMs <= patienceOf(report, maxAgeMs)) return { state: 'alive', since: report.since, reason: '' };
  const hint = gone === null ? 'its process is there' : 'its process cannot be seen from here';
  return { state: 'late', since: beatAt, reason: `it does not beat, but ${hint}` };
}

export interface MonitorOptions {
  host: Host;
  directory: StoreDirectory;
  /** Empty: every name in the store, also those that come later. */
  names: readonly string[];
  /** Default: three intervals of each reporter, at least 1 s. */
  maxAgeMs?: number | undefined;
}

/** What a monitor remembers of a file between two looks at it. */
interface Trail extends Sight {
  found: FileFacts | null;
}

const ABSENT: Reading = { problem: 'it never reported' };
const REMOVED: Reading = { problem: 'its report was taken away' };

/**
 * Looks at reports. It writes nothing.
 *
 * A report's age is first told by the wall clock, and then measured by our own monotonic clock from the
 * change of the file's time that we saw: when somebody sets the clock, nobody becomes late.
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
    // A bound of the user's own also says how soon those who come later are seen.
    let least = this.#options.maxAgeMs ?? LOOKS * MAX_POLL_MS;
    for (const { reading } of this.#trails.values()) {
      if ('report' in reading && reading.report.mark === null)
        least = Math.min(least, patienceOf(reading.report, this.#options.maxAgeMs));
    }
    return Math.max(MIN_POLL_MS, Math.min(MAX_POLL_MS, least / LOOKS));
  }

  /**
   * Every name as it is now, in the order of their names. A report that was taken away since the last
   * look is told once, as unknown.
   *
   * @throws {StoreError} if the store cannot be read
   */
  look(): Watched[] {
    const now = this.#options.host.clock.monotonicMs();
    const sinceMs = this.#lookedAt === null ? null : now - this.#lookedAt;
    const before = this.#trails;
    this.#trails = new Map();
    const watched = [...this.#files(before)].map((file) => this.#watch(file, before.get(file), sinceMs));
    this.#lookedAt = now;
    return watched.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
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

  #watch(file: string, before: Trail | undefined, sinceMs: number | null): Watched {
    const trail = this.#follow(file, before, sinceMs);
    // What was taken away is told once; a name that was asked for is told for ever.
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
   * Looks at the file, then at the process; and if that is gone, at the file again:
   *   1. we read the report: it runs;
   *   2. its process marks the end, and exits;
   *   3. we find no process.
   * Whoever is gone has written all that it ever will, so the second look tells a clean end from a death.
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
      since: reading.report.startedAt * 1000,
    });
    // A process that has ended is a zombie until its parent reaps it. That is the parent's moment, and no other news.
    return why === ZOMBIE ? GONE : why;
  }

  /** What the file says. It is read only if it changed. */
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
   * How much older a report is that we did not see change. Time counts only while we look: if this whole
   * machine was paused, so was the reporter, and it gets the chance to beat before we call it late.
   */
  #elapsed({ reading }: Trail, sinceMs: number | null): number {
    const patience = 'report' in reading ? patienceOf(reading.report, this.#options.maxAgeMs) : MAX_POLL_MS;
    return Math.min(sinceMs ?? 0, Math.max(patience / 2, 2 * MIN_POLL_MS));
  }

  /** The age of a beat that is new to us: at most the time since we last looked, whatever the clocks say. */
  #firstAge({ modifiedMs }: FileFacts, sinceMs: number | null): number {
    const byClock = Math.max(0, this.#options.host.clock.wallMicros() / 1_000 - modifiedMs);
    return sinceMs === null ? byClock : Math.min(byClock, sinceMs);
  }
}

function isSame(one: FileFacts | null, other: FileFacts | null): boolean {
  if (one === null || other === null) return one === other;
  return one.inode === other.inode && one.size === other.size && one.modifiedMs === other.modifiedMs;
}
