import { errnoWords } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { encodeName } from '../store/name.ts';
import { jobsDirectory } from './record-format.ts';
import { filesIn, readRun, recordsIn } from './record-reader.ts';

/** A job that has runs in the store. */
export interface KnownJob {
  name: string;
  /** Why the job's name cannot be read, where `name` is its directory's name instead; else null. */
  problem: string | null;
}

/**
 * Returns all jobs that ever ran in a store, sorted by name. `possibly`: a job with a plain name is returned without a look
 * whether its directory holds a record, for a caller that reads them next.
 *
 * @throws {StoreError} if the store cannot be read
 */
export function knownJobs(host: Host, store: Pick<StoreDirectory, 'path'>, possibly = false): KnownJob[] {
  const directory = jobsDirectory(store.path);
  try {
    checkOwnDirectory(host, directory);
    const files = host.files.list(directory) ?? [];
    const known = files.map((file) => jobIn(host, directory, file, possibly)).filter((job) => job !== null);
    return known.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    throw storeErrorOf(error, { operation: 'look at the jobs', path: directory });
  }
}

/** Returns the job of a directory; null if the directory holds no record. */
function jobIn(host: Host, jobs: string, file: string, possibly: boolean): KnownJob | null {
  // Another process is making this directory.
  if (file.startsWith('.')) return null;
  const plain = plainNameOf(file);
  if (possibly && plain !== null) return { name: plain, problem: null };
  try {
    const records = recordsIn(filesIn(host, `${jobs}/${file}`));
    if (records.length === 0) return null;
    return plain === null ? longNamed(host, jobs, file, records) : { name: plain, problem: null };
  } catch (error) {
    // A job with a plain name reports this problem when its runs are read.
    const problem = plain === null ? `its records cannot be looked at (${errnoWords(error)})` : null;
    return { name: plain ?? file, problem };
  }
}

/** Reads the job's name from its records: the directory of a long name holds only a hash of it. */
function longNamed(host: Host, jobs: string, file: string, records: readonly string[]): KnownJob {
  let problem = 'its records belong to another job';
  for (const record of records) {
    const reading = readRun(host, `${jobs}/${file}`, record);
    if (reading && 'problem' in reading) problem = reading.problem;
    else if (reading && encodeName(reading.run.job) === file) return { name: reading.run.job, problem: null };
  }
  return { name: file, problem };
}

/** Returns the name that a directory's name encodes; null if it encodes none. */
function plainNameOf(file: string): string | null {
  try {
    const name = decodeURIComponent(file);
    return encodeName(name) === file ? name : null;
  } catch {
    return null;
  }
}
