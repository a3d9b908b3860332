import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { outputFile } from './output-tail.ts';
import { jobDirectory, parseRunFile } from './record-format.ts';
import { filesIn, readRun, recordsIn } from './record-reader.ts';
import { sweepLeftovers } from './retention.ts';
import { isObserved, RunLog, type RunReading } from './run-log.ts';
import { stopRequestFile } from './stop-request.ts';

/**
 * The records of a job that is to be forgotten, as they were at one moment.
 *
 * A run may begin at any time. It writes its record first, then asks for the lock:
 *   1. the records are listed, and none of them is of a run that goes on;
 *   2. the caller forgets the lock, which fails while somebody holds it or waits;
 *   3. `remove` removes the records of step 1, and the directory if nothing else is in it.
 * A run that begins after step 1 keeps its record, and finds the lock free, or makes it anew.
 */
export class JobRecords {
  readonly #host: Host;
  readonly #job: string;
  readonly #directory: string;
  readonly #files: string[];
  readonly readings: RunReading[];

  /** @throws {StoreError} if they cannot be read */
  constructor(machine: Host, store: StoreDirectory, job: string) {
    this.#host = pinnedHost(machine, store);
    this.#job = job;
    this.#directory = jobDirectory(store.path, job);
    const log = new RunLog(this.#host, store);
    this.#files = this.#guard(() => recordsIn(filesIn(this.#host, this.#directory)));
    const isNew = (file: string) => !this.#files.includes(file);
    this.readings = this.#files.length === 0 ? [] : [...log.readings(job, () => false, isNew)];
  }

  get isEmpty(): boolean {
    return this.#files.length === 0;
  }

  /**
   * Whether a run of the job goes on here. One that cannot be seen from here (in a container, on another machine) does not count:
   * if it goes on, it has the lock, or waits for it.
   */
  get isRunning(): boolean {
    return this.readings.some(
      (reading) =>
        isObserved(reading) && !reading.unseen && (reading.state === 'running' || reading.state === 'waiting'),
    );
  }

  /**
   * Removes the records, with the files beside them. Returns the files of the records. Records of another job, whose long name has the
   * same directory, stay.
   *
   * @throws {StoreError} if one cannot be removed
   */
  remove(): string[] {
    return this.#guard(() => {
      const own = this.#files.filter((file) => this.#isOwn(file));
      for (const file of own) this.#removeRun(file);
      sweepLeftovers(this.#host, this.#directory);
      this.#host.files.removeDirectory(this.#directory);
      return own;
    });
  }

  #isOwn(file: string): boolean {
    const reading = readRun(this.#host, this.#directory, file);
    return reading !== null && !('run' in reading && reading.run.job !== this.#job);
  }

  /** The record last: after a crash in between, it still names the run that the other files belong to. */
  #removeRun(file: string): void {
    const start = parseRunFile(file);
    if (start === null) return;
    for (const one of [stopRequestFile(start), outputFile(start), file])
      this.#host.files.remove(`${this.#directory}/${one}`);
  }

  #guard<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw storeErrorOf(error, { operation: 'forget the runs', resource: this.#job, path: this.#directory });
    }
  }
}
