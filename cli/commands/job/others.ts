import type { EntryView } from '../../../lib/index.ts';
import {
  nodeHost,
  RunLog,
  requestStop,
  runFile,
  type SharedRuns,
  SkipCount,
  type StoreDirectory,
} from '../../../lib/internal.ts';
import type { ObservedRun, Run, RunReading, RunStart } from '../../../lib/jobs/index.ts';
import { isEntryOf } from './run-entry.ts';

/** The facts that identify the entries of a run that has ended. */
type PastRun = Pick<Run, 'facts' | 'attempts' | 'at'> & { endedAt: number };

/** The other runs of this run's job. */
export class OtherRuns {
  readonly #directory: StoreDirectory;
  readonly #own: RunStart;
  #log: RunLog;
  readonly #shared: SharedRuns | null;
  /** The runs that have ended, by their record files, which need not be read again. */
  readonly #ended = new Map<string, PastRun>();

  /** @param shared the runs of all machines, if the store is on servers */
  constructor(directory: StoreDirectory, own: RunStart, shared: SharedRuns | null) {
    this.#shared = shared;
    this.#directory = directory;
    this.#own = own;
    this.#log = new RunLog(nodeHost, directory);
  }

  /** Brings the runs of other machines up to date. Returns the keys of those that are lost. @throws {StoreError} (rejects) if no server answers */
  async fetch(): Promise<ReadonlySet<string>> {
    if (this.#shared === null) return new Set();
    const lost = await this.#shared.fetch(this.#own.job);
    this.#log = new RunLog(nodeHost, this.#directory, lost);
    return lost;
  }

  /** The runs that wait or run, the newest first. */
  *live(): Generator<ObservedRun> {
    for (const run of this.#log.each(this.#own.job, (file) => this.#ended.has(file))) {
      const observed = this.#log.observe(run);
      const { ended, facts, attempts, at } = observed.run;
      if (ended) this.#ended.set(runFile(run), { facts, attempts, at, endedAt: ended.at });
      else if (observed.state !== 'lost' && run.key !== this.#own.key) yield observed;
    }
  }

  /**
   * Whether an entry is of a run that had ended when the live ones were read last. Its time is compared, too: the pid of such a run may be
   * another process's by now.
   */
  isOfEnded(entry: EntryView): boolean {
    const ended = [...this.#ended.values()];
    return ended.some((run) => run.at <= entry.since && entry.since <= run.endedAt && isEntryOf(entry, run));
  }

  /** The key of the newest live run that has its permit; empty if there is none, or it is unknown. */
  holderKey(): string {
    for (const { run } of this.live()) if (run.acquiredAt !== null) return run.key;
    return '';
  }

  /** The skips in a row before this run. */
  skips(): SkipCount {
    const count = new SkipCount();
    for (const run of this.#log.each(this.#own.job)) {
      if (run.key !== this.#own.key) count.add(run);
      if (count.isOver) break;
    }
    return count;
  }

  /** As `RunLog.readings`; this run is among them. */
  readings(isEnough: (mayRun: boolean) => boolean): Generator<RunReading> {
    return this.#log.readings(this.#own.job, isEnough);
  }

  lastSuccess(): Run | null {
    for (const run of this.#log.each(this.#own.job)) if (run.ended?.outcome === 'succeeded') return run;
    return null;
  }

  /** Whether a run started before this one. */
  isOlder(other: Run): boolean {
    return runFile(other) < runFile(this.#own);
  }

  /** Whether a run can be asked to stop only where it runs: its processes cannot be seen from here, and the store is on disk. */
  isOutOfReach({ unseen }: ObservedRun): boolean {
    return this.#shared === null && unseen;
  }

  /** Requests a run to stop, on whatever machine it is. Resolves to false if a request to it exists already. @throws {StoreError} (rejects) */
  async requestStop(other: Run): Promise<boolean> {
    const { key, facts } = this.#own;
    const request = { key, pid: facts.pid, host: facts.host, at: Date.now() };
    return this.#shared?.stops.request(other, request) ?? requestStop(nodeHost, this.#directory, other, request);
  }
}
