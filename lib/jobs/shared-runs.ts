import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { writeWhole } from '../host/whole-write.ts';
import { whyGone } from '../session/liveness.ts';
import { encodeName } from '../store/name.ts';
import { MAX_SHARED_BYTES, type Records, type SharedText } from '../store/records.ts';
import type { OpenRecords } from '../stores/open-store.ts';
import { type Lines, lostRuns } from './lost-runs.ts';
import { isRunFile, jobsDirectory, parseRun, runFile } from './record-format.ts';
import { filesIn, readRun, recordsIn } from './record-reader.ts';
import { PRIVATE } from './record-writer.ts';
import { removeRun } from './retention.ts';
import type { Run, RunStart } from './run.ts';
import { SharedStops } from './shared-stops.ts';

/** Of a job so many records are fetched, the newest: no run log keeps more. */
const MOST_FETCHED = 1_000;
/** Each may have a megabyte: so many are in memory at a time. */
const MOST_AT_ONCE = 50;
/** As `encodeName` makes it. The keys are the work of other machines, and must not lead out of the directory. */
const ENCODED = /^[A-Za-z0-9_%-][A-Za-z0-9._%~-]{0,199}$/;

/**
 * The records of runs that all machines see: `runs/<encoded name of the job>/<file of the record>`, each a copy of the file on the
 * machine of its run. `fetch` puts the records of other machines beside those of this one, where they are read as all others.
 *
 * A record only grows, so of two copies the longer one is the newer. A run's own file is never behind its copies, so it is never
 * replaced.
 */
export class SharedRuns {
  readonly #host: Host;
  readonly #directory: StoreDirectory;
  readonly #records: Records;
  readonly #linesOf: Lines;
  /** The requests to these runs to stop. */
  readonly stops: SharedStops;

  constructor(machine: Host, { directory, records, store }: OpenRecords) {
    this.#host = pinnedHost(machine, directory);
    this.#directory = directory;
    this.#records = records;
    this.stops = new SharedStops(records);
    this.#linesOf = async (names) => store.snapshots(names);
  }

  /** Puts the record of a run of this machine, as it is now. @throws {StoreError} (rejects) also after `timeoutMs`, as of `Records.put` */
  async put(run: RunStart, text: string, timeoutMs?: number): Promise<void> {
    // Nobody reads a longer one.
    if (Buffer.byteLength(text) > MAX_SHARED_BYTES) return;
    await this.#records.put(keyOf(run.job, runFile(run)), text, timeoutMs === undefined ? {} : { timeoutMs });
  }

  /** Removes the records of a job that are in these files, and the requests to their runs. @throws {StoreError} (rejects) */
  async remove(job: string, files: readonly string[]): Promise<void> {
    if (files.length === 0) return;
    await this.stops.remove(job, files);
    await this.#records.remove(files.map((file) => keyOf(job, file)));
  }

  /**
   * Brings the records of other machines up to date here: of one job, or of all. Those that have been removed since go here, too.
   * Returns the keys of runs that are lost though they cannot be seen from here.
   *
   * @throws {StoreError} (rejects) if the servers cannot be reached, or a record cannot be written
   */
  async fetch(job?: string): Promise<ReadonlySet<string>> {
    const only = job === undefined ? undefined : encodeName(job);
    const shared = filesByJob(await this.#records.keys(only === undefined ? 'runs/' : `runs/${only}/`));
    const local = only === undefined ? this.#jobsHere() : [only];
    const unseen: Run[] = [];
    for (const encoded of new Set([...shared.keys(), ...local]))
      unseen.push(...(await this.#fetchJob(encoded, shared.get(encoded) ?? [])));
    return lostRuns(unseen, this.#linesOf, (runs) => this.#again(runs));
  }

  /** The same runs, read anew. */
  async #again(runs: readonly Run[]): Promise<Run[]> {
    const texts = await this.#records.read(runs.map((run) => keyOf(run.job, runFile(run))));
    return texts.flatMap((text) => this.#taken(text) ?? []);
  }

  async #fetchJob(encoded: string, shared: readonly string[]): Promise<Run[]> {
    const path = `${jobsDirectory(this.#directory.path)}/${encoded}`;
    const here = this.#guard(path, () => recordsIn(filesIn(this.#host, path)));
    const known = new Map(here.map((file) => [file, this.#read(path, file)]));
    const wanted = shared.slice(0, MOST_FETCHED).filter((file) => !known.get(file)?.ended);
    for (let from = 0; from < wanted.length; from += MOST_AT_ONCE) {
      const keys = wanted.slice(from, from + MOST_AT_ONCE).map((file) => `runs/${encoded}/${file}`);
      for (const text of await this.#records.read(keys)) {
        const run = this.#taken(text);
        if (run) known.set(runFile(run), run);
      }
    }
    const there = new Set(shared);
    for (const [file, run] of known)
      if (run && !there.has(file) && this.#wasShared(run)) removeRun(this.#host, path, run);
    if (shared.length === 0 && here.length > 0) this.#guard(path, () => this.#host.files.removeDirectory(path));
    return [...known.values()].filter((run) => run !== null && !run.ended && this.#isUnseen(run)) as Run[];
  }

  /**
   * Whether a record that the others do not have was removed by one of them. A run of this machine that failed before its command
   * began may be here because no server could be reached; one that goes on may be about to be put.
   */
  #wasShared(run: Run): boolean {
    if (run.ended) return run.attempts.length > 0 || run.ended.outcome !== 'failed';
    return this.#isUnseen(run);
  }

  #isUnseen({ facts, at }: Run): boolean {
    return whyGone(this.#host.processes, facts, { local: false, since: at * 1_000 }) === undefined;
  }

  /** Takes over a record, unless the one here is as long. Returns the run; null for a text that is none, or not in its place. */
  #taken({ key, text }: SharedText): Run | null {
    const [, encoded = '', file = ''] = key.split('/');
    const parsed = parseRun(text, file);
    if (!('run' in parsed) || encodeName(parsed.run.job) !== encoded) return null;
    const directory = `${jobsDirectory(this.#directory.path)}/${encoded}`;
    const path = `${directory}/${file}`;
    this.#guard(path, () => {
      const here = this.#host.files.look(path);
      const isBehind = here === null || (here.kind === 'file' && here.size < Buffer.byteLength(text));
      if (isBehind) this.#write(directory, path, text);
    });
    return parsed.run;
  }

  /** Whole: under a private name, which then gets its place. A crash in between leaves a private file, which is swept. */
  #write(directory: string, path: string, text: string): void {
    const { files } = this.#host;
    this.#directory.remake();
    for (const one of [jobsDirectory(this.#directory.path), directory]) {
      files.makeDirectory(one, this.#directory.directoryMode);
      checkOwnDirectory(this.#host, one);
    }
    const own = `${directory}/${PRIVATE}${this.#host.processes.nonce()}`;
    const fd = files.create(own, this.#directory.fileMode);
    try {
      writeWhole(Buffer.from(text), (rest) => files.write(fd, rest, rest.length));
    } finally {
      files.close(fd);
    }
    files.rename(own, path);
  }

  /** Null for a record that cannot be read: it is left alone. */
  #read(directory: string, file: string): Run | null {
    const reading = readRun(this.#host, directory, file);
    return reading !== null && 'run' in reading ? reading.run : null;
  }

  #jobsHere(): string[] {
    const path = jobsDirectory(this.#directory.path);
    return this.#guard(path, () => filesIn(this.#host, path).filter((file) => ENCODED.test(file)));
  }

  #guard<T>(path: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw storeErrorOf(error, { operation: 'write the records of other machines', path });
    }
  }
}

function keyOf(job: string, file: string): string {
  return `runs/${encodeName(job)}/${file}`;
}

/** The files of each job's records, the newest first. */
function filesByJob(keys: readonly string[]): Map<string, string[]> {
  const jobs = new Map<string, string[]>();
  for (const key of keys) {
    const [, encoded = '', file = '', ...rest] = key.split('/');
    if (!ENCODED.test(encoded) || !isRunFile(file) || rest.length > 0) continue;
    const files = jobs.get(encoded);
    if (files) files.push(file);
    else jobs.set(encoded, [file]);
  }
  for (const files of jobs.values()) files.sort().reverse();
  return jobs;
}
