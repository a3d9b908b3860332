import { errnoWords } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { whyGone } from '../session/liveness.ts';
import { type KnownJob, knownJobs } from './known-jobs.ts';
import { outputFile } from './output-tail.ts';
import { jobDirectory, parseRunFile, runFile } from './record-format.ts';
import { filesIn, type RecordReading, readRun, recordsIn } from './record-reader.ts';
import type { Run } from './run.ts';
import { type RunOwner, RunOwners } from './run-owners.ts';

/**
 * The state of a run.
 *
 * - `waiting`: the run has no permit yet, or has not begun its command.
 * - `running`: the command runs, or cannot be proved gone from here.
 * - `ended`: the record has the run's end.
 * - `lost`: the wrapper and the command are gone, and the record has no end: a crash, SIGKILL, a power cut.
 */
export type RunState = 'waiting' | 'running' | 'ended' | 'lost';

/** A run, with the state of its processes when they were looked at. */
export interface ObservedRun {
  run: Run;
  state: RunState;
  /** The run's wrapper is gone and its command still runs: nothing will end the command or record how it ends. */
  orphaned: boolean;
  /** The process of the run that is stopped, as by SIGSTOP; null if none is. */
  stopped: 'job' | 'command' | null;
  /** Whether the run's processes cannot be seen from here: it runs on another machine, or in a container. */
  unseen: boolean;
}

/** A record that cannot be read. */
export interface UnreadableRun {
  /** When the run started, by its file's name, in ms since 1970; null if no record of the job can be read. */
  at: number | null;
  problem: string;
}

/** The result of one look at a run. */
export type RunReading = ObservedRun | UnreadableRun;

/**
 * Whether a run's record could be read. Use it on each of `RunLog.readings` before its run is used.
 *
 * @example
 * import { isObserved, openRunLog } from 'lockstep/jobs';
 * const readings = [...openRunLog().readings('backup')];
 * console.log(readings.filter(isObserved).map(({ state }) => state)); // prints []
 */
export function isObserved(reading: RunReading): reading is ObservedRun {
  return 'run' in reading;
}

type NamedReading = { file: string; reading: RecordReading };

/** The past and present runs of the jobs in a store, read from their records. It writes nothing. */
export class RunLog {
  readonly #host: Host;
  readonly #store: StoreDirectory;

  readonly #lost: ReadonlySet<string>;
  readonly #owners: RunOwners;

  /** @internal @param lost the keys of runs that are known to be lost, though they cannot be seen from here */
  constructor(host: Host, store: StoreDirectory, lost: ReadonlySet<string> = new Set()) {
    this.#host = host;
    this.#store = store;
    this.#lost = lost;
    this.#owners = new RunOwners(host, store);
  }

  /** Returns the names of all jobs that ever ran in the store, sorted. */
  jobs(): string[] {
    return this.known().flatMap(({ name, problem }) => (problem === null ? [name] : []));
  }

  /** Returns the same jobs, and those whose names cannot be read. @throws {StoreError} if the store cannot be read */
  known(): KnownJob[] {
    return knownJobs(this.#host, this.#store);
  }

  /**
   * Returns the same jobs, and perhaps names of directories without a record: for a caller that reads the records of each,
   * and so finds out. Each directory is then listed once.
   *
   * @throws {StoreError} if the store cannot be read
   */
  possible(): KnownJob[] {
    return knownJobs(this.#host, this.#store, true);
  }

  /** Returns the runs of a job whose records are kept, the newest first, `most` at most. Unreadable records are left out. */
  runs(job: string, most = Number.POSITIVE_INFINITY): ObservedRun[] {
    const observed: ObservedRun[] = [];
    for (const run of this.each(job)) {
      observed.push(this.observe(run));
      if (observed.length >= most) break;
    }
    return observed;
  }

  /** Reads the same runs one by one, as the caller asks for them. It skips the files for which `isKnown` returns true. */
  *each(job: string, isKnown?: (file: string) => boolean): Generator<Run> {
    for (const { reading } of this.#records(job, this.files(job), isKnown)) if ('run' in reading) yield reading.run;
  }

  /**
   * Reads and observes a job's runs, the newest first, unreadable ones included. Once `isEnough` returns true, it reads only
   * runs whose command may still run: the output file stands beside a record until the record has the run's end. It passes to
   * `isEnough` whether there are such. It skips the files for which `isLeftOut` returns true.
   */
  *readings(
    job: string,
    isEnough: (mayRun: boolean) => boolean = () => false,
    isLeftOut: (file: string) => boolean = () => false,
  ): Generator<RunReading> {
    const directory = jobDirectory(this.#store.path, job);
    let files: string[];
    try {
      files = filesIn(this.#host, directory);
    } catch (error) {
      yield { at: null, problem: `its records cannot be looked at (${errnoWords(error)})` };
      return;
    }
    const outputs = new Set(files.filter((file) => file.endsWith('.output')));
    const isOver = (file: string) => {
      if (isLeftOut(file)) return true;
      if (!isEnough(outputs.size > 0)) return false;
      const start = parseRunFile(file);
      return start !== null && !outputs.has(outputFile(start));
    };
    for (const { file, reading } of this.#records(job, recordsIn(files), isOver)) {
      if ('run' in reading) yield this.observe(reading.run);
      else yield { at: parseRunFile(file)?.at ?? null, problem: reading.problem };
      if (outputs.size === 0 && isEnough(false)) return;
    }
  }

  /** Returns the file names of a job's records, the newest first. */
  files(job: string): string[] {
    return recordsIn(filesIn(this.#host, jobDirectory(this.#store.path, job)));
  }

  /** The state of a run as it is now. */
  stateOf(run: Run): RunState {
    return this.observe(run).state;
  }

  /**
   * Returns the state of a run. Its record was read before its processes are looked at:
   *   1. the reader reads the record: the run has not ended;
   *   2. the run's wrapper writes the end, and exits;
   *   3. the reader finds no process.
   * A process that is gone writes no more, so a second reading of the record distinguishes an end from a death.
   */
  observe(run: Run): ObservedRun {
    if (run.ended || !this.#isGone(run, run)) return this.#observed(run, false);
    const again = readRun(this.#host, jobDirectory(this.#store.path, run.job), runFile(run));
    return this.#observed(again && 'run' in again ? again.run : run, true);
  }

  #observed(run: Run, isJobGone: boolean): ObservedRun {
    const { facts, at, attempts, acquiredAt, ended } = run;
    if (ended) return { run, state: 'ended', orphaned: false, stopped: null, unseen: false };
    const attempt = attempts.at(-1);
    const command = attempt && !attempt.exited ? attempt : null;
    const isOrphaned = isJobGone && command !== null && !this.#isGone(command, run);
    const isLost = (isJobGone && !isOrphaned) || this.#lost.has(run.key);
    const begun = acquiredAt !== null && attempt !== undefined;
    return {
      run,
      state: isLost ? 'lost' : begun ? 'running' : 'waiting',
      orphaned: isOrphaned,
      stopped: this.#isStopped(facts, at) ? 'job' : command && this.#isStopped(command.facts, at) ? 'command' : null,
      unseen: !isLost && this.#whyGone(facts, at) === undefined,
    };
  }

  /** `at`: when the run began, in ms since 1970. */
  #whyGone(facts: Run['facts'], at: number): string | null | undefined {
    return whyGone(this.#host.processes, facts, { local: this.#store.local, since: at * 1000 });
  }

  /** Where the pid says nothing, the line of the lock may know. A process that cannot be judged counts as alive. */
  #isGone(owner: RunOwner, run: Run): boolean {
    const why = this.#whyGone(owner.facts, run.at);
    return why === undefined ? this.#owners.isDead(owner, run) : why !== null;
  }

  #isStopped(facts: Run['facts'], at: number): boolean {
    if (this.#whyGone(facts, at) !== null) return false;
    const state = this.#host.processes.state(facts.pid, facts.tid);
    return typeof state === 'object' && state.stopped === true;
  }

  /** Reads the records one by one; a record that is gone when its turn comes is left out. */
  *#records(job: string, files: readonly string[], isKnown?: (file: string) => boolean): Generator<NamedReading> {
    const directory = jobDirectory(this.#store.path, job);
    for (const file of files) {
      if (isKnown?.(file)) continue;
      const reading = readRun(this.#host, directory, file);
      if (!reading) continue;
      // Two long names with one hash share a directory: the record itself says which job it belongs to.
      const isForeign = 'run' in reading && reading.run.job !== job;
      yield { file, reading: isForeign ? { problem: 'its record is of another job' } : reading };
    }
  }
}
