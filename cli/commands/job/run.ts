import { directoryOf } from '../../../lib/disk/open-store.ts';
import { nodeHost } from '../../../lib/host/node-host.ts';
import type { StoreDirectory } from '../../../lib/host/own-directory.ts';
import { pinnedHost } from '../../../lib/host/pinned-files.ts';
import { storeErrorOf } from '../../../lib/host/system-error.ts';
import { type Sink, Spool } from '../../../lib/jobs/output-spool.ts';
import { outputFile } from '../../../lib/jobs/output-tail.ts';
import { jobDirectory, type Run, type RunEvent, type RunStart } from '../../../lib/jobs/record-format.ts';
import { RunRecord } from '../../../lib/jobs/record-writer.ts';
import { sweepRuns } from '../../../lib/jobs/retention.ts';
import { RunLog } from '../../../lib/jobs/run-log.ts';
import { type StopRequest, StopRequestWatch } from '../../../lib/jobs/stop-request.ts';
import type { Store } from '../../../lib/store/store.ts';
import { say } from '../../output/exit.ts';
import { endOfError, endOfStop, type JobEnd } from './outcome.ts';
import type { JobPlan } from './plan.ts';
import { Stop, Stopped } from './stop.ts';

/** How late a printed line reaches a reader, and how late an output is found too long, in ms. */
const LATEST_MS = 200;
const LATEST_UNREAD_MS = 1_000;

/** One run of a job: its record, its output, and whether it is to end. */
export class JobRun {
  readonly plan: JobPlan;
  readonly store: Store;
  readonly directory: StoreDirectory;
  readonly history: RunLog;
  readonly start: RunStart;
  readonly stop = new Stop();
  readonly #record: RunRecord;
  readonly #watch: StopRequestWatch;
  #spool: Spool | null = null;
  #began = false;
  #swept = false;
  #end: JobEnd | null = null;

  /** @throws {StoreError} if it cannot be written down: then nothing was begun */
  constructor(plan: JobPlan, store: Store) {
    this.plan = plan;
    this.store = store;
    this.directory = directoryOf(store);
    this.history = new RunLog(nodeHost, this.directory);
    const { processes } = nodeHost;
    const { name: job, label, record } = plan;
    this.start = { job, key: processes.nonce(), facts: processes.self(), at: Date.now(), label, plan: record };
    this.#record = RunRecord.begin(nodeHost, this.directory, this.start);
    this.#watch = new StopRequestWatch(nodeHost, this.directory, this.start, (request) => this.stop.now(request));
    this.#watch.look();
  }

  /** As whoever asks another run to end. */
  get request(): StopRequest {
    const { key, facts } = this.start;
    return { key, pid: facts.pid, host: facts.host, at: Date.now() };
  }

  /** Whether its command was begun. */
  get began(): boolean {
    return this.#began;
  }

  /** Looks whether another run has asked this one to end. */
  check(): void {
    this.#watch.look();
    this.stop.check();
  }

  /** What happens to it, written down. @throws {StoreError} where nothing has begun that must be brought to its end */
  note(event: RunEvent): void {
    try {
      this.#record.append(event);
    } catch (error) {
      if (!this.#began) throw error;
      say(`${(error as Error).message} The job goes on; its history will lack this.`);
    }
  }

  /** From here on a failure of the store ends nothing. */
  hasBegun(): void {
    this.#began = true;
    this.#sync();
    this.#sweep();
  }

  /** Where its command prints. @throws {StoreError} */
  openSpool(sinks: readonly Sink[]): Spool {
    const path = `${jobDirectory(this.directory.path, this.start.job)}/${outputFile(this.start)}`;
    const latestMs = sinks.length > 0 ? LATEST_MS : LATEST_UNREAD_MS;
    try {
      const { files } = pinnedHost(nodeHost, this.directory);
      this.#spool = new Spool(path, { files, mode: this.directory.fileMode, sinks, latestMs });
    } catch (error) {
      throw storeErrorOf(error, { operation: 'make the output of a run', resource: this.start.job, path });
    }
    this.#spool.follow();
    return this.#spool;
  }

  /** Does a part of the run's course, and writes down its end if that is one. What goes wrong ends it too; it never rejects. */
  async settle(course: () => Promise<JobEnd>): Promise<JobEnd> {
    try {
      return this.#finish(await course());
    } catch (error) {
      return this.#finish(error instanceof Stopped ? endOfStop(error, this.#began) : endOfError(error));
    }
  }

  /** The last lines of its output, as the record has them. */
  get tail(): string {
    return this.#spool?.tail() ?? '';
  }

  /** What its command printed, as far as it is kept. */
  output(): Iterable<Uint8Array> {
    return this.#spool?.contents() ?? [];
  }

  close(): void {
    this.#spool?.remove();
    this.#watch.close();
    this.#record.close();
    this.#sweep();
  }

  /** Only the first end counts. */
  #finish(end: JobEnd): JobEnd {
    if (this.#end) return this.#end;
    this.#end = end;
    this.#spool?.end();
    const { outcome, code, reason, by } = end;
    try {
      this.#record.append({ it: 'ended', at: Date.now(), outcome, code, reason, by, tail: this.tail });
      this.#sync();
    } catch (error) {
      say(`${(error as Error).message} How it ended will be missing in its history.`);
    }
    return end;
  }

  #sync(): void {
    try {
      this.#record.sync();
    } catch (error) {
      say((error as Error).message);
    }
  }

  #sweep(): void {
    if (this.#swept) return;
    this.#swept = true;
    try {
      sweepRuns(nodeHost, this.directory, this.start.job, this.plan.keep);
    } catch {
      // The next run tries again.
    }
  }
}

/** Whether a run is on its way, as far as can be seen. */
export function isLive(history: RunLog, run: Run): boolean {
  const state = history.stateOf(run);
  return state === 'running' || state === 'waiting';
}
