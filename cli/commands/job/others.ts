import {
  nodeHost,
  RunLog,
  requestStop,
  runFile,
  SkipCount,
  type StoreDirectory,
  whyGone,
} from '../../../lib/internal.ts';
import type { ObservedRun, Run, RunReading, RunStart } from '../../../lib/jobs/index.ts';

/** The other runs of this run's job. */
export class OtherRuns {
  readonly #directory: StoreDirectory;
  readonly #own: RunStart;
  readonly #log: RunLog;
  /** The record files of runs that have ended: they need not be read again. */
  readonly #ended = new Set<string>();

  constructor(directory: StoreDirectory, own: RunStart) {
    this.#directory = directory;
    this.#own = own;
    this.#log = new RunLog(nodeHost, directory);
  }

  /** The runs that wait or run, the newest first. */
  *live(): Generator<ObservedRun> {
    for (const run of this.#log.each(this.#own.job, (file) => this.#ended.has(file))) {
      const observed = this.#log.observe(run);
      if (observed.state === 'ended') this.#ended.add(runFile(run));
      else if (observed.state !== 'lost' && run.key !== this.#own.key) yield observed;
    }
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
  readings(isEnough: () => boolean): Generator<RunReading> {
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

  /** Whether the wrapper of a run, which alone can end its command, is there or cannot be proved gone. */
  hasWrapper({ facts, at }: Run): boolean {
    return typeof whyGone(nodeHost.processes, facts, { local: this.#directory.local, since: at * 1000 }) !== 'string';
  }

  /** Requests a run to stop. Returns false if a request to it exists already. @throws {StoreError} */
  requestStop(other: Run): boolean {
    const { key, facts } = this.#own;
    return requestStop(nodeHost, this.#directory, other, { key, pid: facts.pid, host: facts.host, at: Date.now() });
  }
}
