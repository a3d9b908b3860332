import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { whyGone } from '../session/liveness.ts';
import { type KnownJob, knownJobs } from './known-jobs.ts';
import { outputFile } from './output-tail.ts';
import { jobDirectory, parseRunFile, type Run, runFile } from './record-format.ts';
import { codeOf, filesIn, type RunReading, readRun, recordsIn } from './record-reader.ts';

/**
 * What a run is now.
 *
 * - `waiting`: it has no permit yet, or has not begun its command.
 * - `running`: its command runs; or it may, for all that can be seen from here.
 * - `ended`: its record says how.
 * - `lost`: `lockstep job` and its command are gone, and nobody has written how it ended: a crash, SIGKILL, a power cut.
 */
export type RunState = 'waiting' | 'running' | 'ended' | 'lost';

export interface RunSight {
  run: Run;
  state: RunState;
}

/** A run, with what can be seen of its processes. */
export interface SeenRun extends RunSight {
  /** `lockstep job` is gone, and the command is not: nobody will end it, nor write down how it ends. */
  orphaned: boolean;
  /** Which of its processes is stopped, as by SIGSTOP; null if none is. */
  stopped: 'job' | 'command' | null;
  /** Whether it runs where its processes cannot be seen from here: on another machine, or in a container. */
  unseen: boolean;
}

/** A record that cannot be read. */
export interface UnreadRun {
  /** When the run began, by its file's name, in ms since 1970; null if it is all records that cannot be read. */
  at: number | null;
  problem: string;
}

export type Sighting = SeenRun | UnreadRun;

export function isSeen(sighting: Sighting): sighting is SeenRun {
  return 'run' in sighting;
}

type Found = { file: string; reading: RunReading };

/** Reads what jobs left in a store. It writes nothing. */
export class RunHistory {
  readonly #host: Host;
  readonly #store: StoreDirectory;

  constructor(host: Host, store: StoreDirectory) {
    this.#host = host;
    this.#store = store;
  }

  /** The names of all jobs that ever ran here, sorted. */
  jobs(): string[] {
    return this.known().flatMap(({ name, problem }) => (problem === null ? [name] : []));
  }

  /** The same, and those whose names cannot be told. @throws {StoreError} if the store cannot be read */
  known(): KnownJob[] {
    return knownJobs(this.#host, this.#store);
  }

  /** The runs of a job that its files still tell of, the newest first; at most so many. Those that cannot be read are left out. */
  runs(job: string, most = Number.POSITIVE_INFINITY): SeenRun[] {
    const found: SeenRun[] = [];
    for (const run of this.each(job)) {
      found.push(this.sightOf(run));
      if (found.length >= most) break;
    }
    return found;
  }

  /** The same, read one by one as they are asked for; without those that the names of their files tell not to read. */
  *each(job: string, isKnown?: (file: string) => boolean): Generator<Run> {
    for (const { reading } of this.#records(job, this.files(job), isKnown)) if ('run' in reading) yield reading.run;
  }

  /**
   * What can be seen of a job's runs, the newest first, also of those that cannot be read. Once there is enough, only of
   * those whose command may run still: its output is beside the record until that says how the run ended.
   */
  *sightings(job: string, isEnough: () => boolean = () => false): Generator<Sighting> {
    const directory = jobDirectory(this.#store.path, job);
    let files: string[];
    try {
      files = filesIn(this.#host, directory);
    } catch (error) {
      yield { at: null, problem: `its records cannot be looked at (${codeOf(error)})` };
      return;
    }
    const outputs = new Set(files.filter((file) => file.endsWith('.output')));
    const isOver = (file: string) => {
      const start = parseRunFile(file);
      return isEnough() && start !== null && !outputs.has(outputFile(start));
    };
    for (const { file, reading } of this.#records(job, recordsIn(files), isOver)) {
      if ('run' in reading) yield this.sightOf(reading.run);
      else yield { at: parseRunFile(file)?.at ?? null, problem: reading.problem };
    }
  }

  /** The names of a job's records, the newest first. */
  files(job: string): string[] {
    return recordsIn(filesIn(this.#host, jobDirectory(this.#store.path, job)));
  }

  stateOf(run: Run): RunState {
    return this.sightOf(run).state;
  }

  /**
   * What a run is now. Its record was read before its processes are looked at:
   *   1. we read the record: it runs;
   *   2. `lockstep job` writes how it ended, and exits;
   *   3. we find no process.
   * Whoever is gone has written all that it ever will, so a second reading tells an end from a death.
   */
  sightOf(run: Run): SeenRun {
    if (run.ended || !this.#isGone(run.facts)) return this.#see(run, false);
    const again = readRun(this.#host, jobDirectory(this.#store.path, run.job), runFile(run));
    return this.#see(again && 'run' in again ? again.run : run, true);
  }

  #see(run: Run, isJobGone: boolean): SeenRun {
    const { facts, attempts, acquiredAt, ended } = run;
    if (ended) return { run, state: 'ended', orphaned: false, stopped: null, unseen: false };
    const attempt = attempts.at(-1);
    const command = attempt && !attempt.exited ? attempt.facts : null;
    const isCommandThere = command !== null && !this.#isGone(command);
    const isLost = isJobGone && !isCommandThere;
    const begun = acquiredAt !== null && attempt !== undefined;
    return {
      run,
      state: isLost ? 'lost' : begun ? 'running' : 'waiting',
      orphaned: isJobGone && isCommandThere,
      stopped: this.#isStopped(facts) ? 'job' : command && this.#isStopped(command) ? 'command' : null,
      unseen: !isLost && this.#whyGone(facts) === undefined,
    };
  }

  #whyGone(facts: Run['facts']): string | null | undefined {
    return whyGone(this.#host.processes, facts, this.#store.local);
  }

  /** What cannot be judged may live. */
  #isGone(facts: Run['facts']): boolean {
    return typeof this.#whyGone(facts) === 'string';
  }

  #isStopped(facts: Run['facts']): boolean {
    if (this.#whyGone(facts) !== null) return false;
    const state = this.#host.processes.state(facts.pid, facts.tid);
    return typeof state === 'object' && state.stopped === true;
  }

  /** The records of a job that are still there when it is their turn. */
  *#records(job: string, files: readonly string[], isKnown?: (file: string) => boolean): Generator<Found> {
    const directory = jobDirectory(this.#store.path, job);
    for (const file of files) {
      if (isKnown?.(file)) continue;
      const reading = readRun(this.#host, directory, file);
      if (!reading) continue;
      // Long names share a directory only if their hashes do: but what it says it is, it must be.
      const isForeign = 'run' in reading && reading.run.job !== job;
      yield { file, reading: isForeign ? { problem: 'its record is of another job' } : reading };
    }
  }
}
