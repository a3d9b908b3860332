import type { Host } from './host.ts';
import { whyGone } from './liveness.ts';
import { encodeName } from './name.ts';
import { jobDirectory, jobsDirectory, MAX_RUN_BYTES, parseRun, parseRunFile, type Run } from './run-file.ts';
import type { StoreDirectory } from './store-directory.ts';

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
    const names = (this.#host.files.list(jobsDirectory(this.#store.path)) ?? []).map((file) => this.#nameOf(file));
    return names.filter((name) => name !== null).sort();
  }

  /** The runs of a job that its files still tell of, the newest first; at most so many. Those that cannot be read are left out. */
  runs(job: string, most = Number.POSITIVE_INFINITY): RunSight[] {
    const found: RunSight[] = [];
    for (const run of this.each(job)) {
      found.push({ run, state: this.stateOf(run) });
      if (found.length >= most) break;
    }
    return found;
  }

  /** The same, read one by one as they are asked for; without those that the names of their files tell not to read. */
  *each(job: string, isKnown?: (file: string) => boolean): Generator<Run> {
    const directory = jobDirectory(this.#store.path, job);
    for (const file of this.files(job)) {
      if (isKnown?.(file)) continue;
      const run = this.#read(directory, file);
      // Long names share a directory only if their hashes do: but what it says it is, it must be.
      if (run?.job === job) yield run;
    }
  }

  /** The names of a job's records, the newest first. */
  files(job: string): string[] {
    const all = this.#host.files.list(jobDirectory(this.#store.path, job)) ?? [];
    return all
      .filter((file) => parseRunFile(file) !== null)
      .sort()
      .reverse();
  }

  stateOf({ facts, attempts, acquiredAt, ended }: Run): RunState {
    if (ended) return 'ended';
    const command = attempts.at(-1);
    const isThere = this.#mayLive(facts) || (command !== undefined && !command.exited && this.#mayLive(command.facts));
    if (!isThere) return 'lost';
    return acquiredAt === null || command === undefined ? 'waiting' : 'running';
  }

  /** What cannot be judged may live. */
  #mayLive(facts: Run['facts']): boolean {
    return typeof whyGone(this.#host.processes, facts, this.#store.local) !== 'string';
  }

  #read(directory: string, file: string): Run | null {
    const path = `${directory}/${file}`;
    try {
      const found = this.#host.files.look(path);
      if (found?.kind !== 'file' || found.size > MAX_RUN_BYTES) return null;
      const reading = parseRun(this.#host.files.readText(path) ?? '', file);
      return 'run' in reading ? reading.run : null;
    } catch {
      // One record that cannot be read hides no other.
      return null;
    }
  }

  /** Null if none of its records tells: then there is nothing to show of it either. */
  #nameOf(directory: string): string | null {
    const path = `${jobsDirectory(this.#store.path)}/${directory}`;
    for (const file of this.#host.files.list(path) ?? []) {
      const run = parseRunFile(file) && this.#read(path, file);
      if (run && encodeName(run.job) === directory) return run.job;
    }
    return null;
  }
}
