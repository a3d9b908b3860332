import { nodeHost, RunRecord, type StoreDirectory, sweepRuns } from '../../../lib/internal.ts';
import type { RunEvent, RunStart } from '../../../lib/jobs/index.ts';
import { say } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import type { JobEnd } from './end.ts';
import type { JobPlan } from './plan.ts';

/**
 * The record of this run. Before the command begins, a failure to write it ends the run: a command must not run unrecorded.
 * From then on such a failure is only reported: the command is worth more than its record.
 */
export class JobRecord {
  readonly directory: StoreDirectory;
  readonly start: RunStart;
  readonly #writer: RunRecord;
  readonly #keep: number;
  #began = false;
  #ended = false;
  #swept = false;

  /** @throws {StoreError} if the record cannot be written */
  constructor({ name: job, label, recorded, keep }: JobPlan, directory: StoreDirectory) {
    const { processes } = nodeHost;
    this.directory = directory;
    this.start = { job, key: processes.nonce(), facts: processes.self(), at: Date.now(), label, plan: recorded };
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
    this.#began = true;
    this.#sync();
    this.#sweep();
  }

  /** Records the end. A failure is only reported. */
  end({ outcome, code, reason, by, skips }: JobEnd, tail: string): void {
    this.#ended = true;
    try {
      this.#writer.append({ it: 'ended', at: Date.now(), outcome, code, reason, by, tail, ...(skips && { skips }) });
      this.#sync();
    } catch (error) {
      say(`${messageWithRemedy(error)} Its run log will lack how it ended.`);
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

  #sweep(): void {
    if (this.#swept) return;
    this.#swept = true;
    try {
      sweepRuns(nodeHost, this.directory, this.start.job, this.#keep);
    } catch {
      // The next run tries again.
    }
  }
}
