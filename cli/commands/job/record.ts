import {
  durationsBefore,
  nodeHost,
  RunLog,
  RunRecord,
  runFile,
  type SharedRuns,
  type StoreDirectory,
  sweepRuns,
} from '../../../lib/internal.ts';
import type { RunEvent, RunStart } from '../../../lib/jobs/index.ts';
import { say } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import type { JobEnd } from './end.ts';
import type { JobPlan } from './plan.ts';

/** Where a run is recorded. */
interface RecordPlace {
  directory: StoreDirectory;
  /** The runs of all machines, if the store is on servers. */
  shared: SharedRuns | null;
  /** The key of this process in the store, if that is on disk. */
  session: string | null;
}

/**
 * The record of this run. Before the command begins, a failure to write it ends the run: a command must not run unrecorded.
 * From then on such a failure is only reported: the command is worth more than its record.
 */
export class JobRecord {
  readonly directory: StoreDirectory;
  readonly start: RunStart;
  readonly #writer: RunRecord;
  readonly #keep: number;
  readonly #shared: SharedRuns | null;
  #began = false;
  #ended = false;
  /** The durations of the successes before this run; undefined if they could not be read. */
  #earlierMs: readonly number[] | undefined;
  #swept: string[] | null = null;
  #isShared = false;
  /** Another run has requested this one to stop. */
  #wasAsked = false;
  /** As of `RunLog`. */
  lost: ReadonlySet<string> = new Set();

  /** @throws {StoreError} if the record cannot be written */
  constructor({ name: job, label, recorded: plan, keep }: JobPlan, { directory, shared, session }: RecordPlace) {
    const { processes } = nodeHost;
    this.directory = directory;
    this.#shared = shared;
    const facts = processes.self();
    this.start = { job, key: processes.nonce(), facts, ...(session && { session }), at: Date.now(), label, plan };
    this.#keep = keep;
    this.#writer = RunRecord.begin(nodeHost, directory, this.start);
  }

  /** Whether the command has begun. */
  get began(): boolean {
    return this.#began;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Records an event. @throws {StoreError} if that fails before the command has begun */
  note(event: RunEvent): void {
    try {
      this.#writer.append(event);
    } catch (error) {
      if (!this.#began) throw error;
      say(`${messageWithRemedy(error)} The job goes on; its run log will lack this event.`);
    }
  }

  /** The command has begun: from here on a failure to write the record ends nothing. */
  hasBegun(): void {
    const isFirst = !this.#began;
    this.#began = true;
    this.#sync();
    this.#sweep();
    if (isFirst) this.#recall();
  }

  /** Records the end. A failure is only reported. */
  end({ outcome, code, reason, by, skips }: JobEnd, tail: string): void {
    this.#ended = true;
    this.#wasAsked = outcome === 'replaced';
    try {
      const earlierMs = outcome === 'succeeded' ? this.#earlierMs : undefined;
      const more = { ...(skips && { skips }), ...(earlierMs && { earlierMs }) };
      this.#writer.append({ it: 'ended', at: Date.now(), outcome, code, reason, by, tail, ...more });
      this.#sync();
    } catch (error) {
      say(`${messageWithRemedy(error)} Its run log will lack how it ended.`);
    }
  }

  /**
   * Puts the record where other machines see it, if the store is on servers. Before the command has begun a failure ends the run;
   * later it is only reported.
   *
   * @param timeoutMs how long the servers have to answer. Default: as of `Records.put`
   * @throws {StoreError} (rejects)
   */
  async share(timeoutMs?: number): Promise<void> {
    // Where nobody learned of its beginning its end is of no use, and no server may answer yet.
    if (this.#shared === null || (this.#ended && !this.#isShared)) return;
    try {
      await this.#shared.put(this.start, this.#writer.text, timeoutMs);
      this.#isShared = true;
      if (this.#ended) await this.#shared.remove(this.start.job, this.#sweep());
      if (this.#wasAsked) await this.#shared.stops.remove(this.start.job, [runFile(this.start)]);
    } catch (error) {
      if (!this.#began && !this.#ended) throw error;
      say(`${messageWithRemedy(error)} Other machines do not see how this run goes on.`);
    }
  }

  close(): void {
    this.#writer.close();
    this.#sweep();
  }

  #sync(): void {
    try {
      this.#writer.sync();
    } catch (error) {
      say(messageWithRemedy(error));
    }
  }

  /** While the command runs: when it has ended, the next run waits for the lock. */
  #recall(): void {
    try {
      this.#earlierMs = durationsBefore(new RunLog(nodeHost, this.directory), this.start.job);
    } catch {
      // The reader of this run's success reads older ones instead.
    }
  }

  /** Removes old records, once. Returns their files. */
  #sweep(): string[] {
    try {
      this.#swept ??= sweepRuns(nodeHost, this.directory, this.start.job, this.#keep, this.lost);
    } catch {
      // The next run tries again.
      this.#swept = [];
    }
    return this.#swept;
  }
}
