import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { encodeName } from '../store/name.ts';
import { jobsDirectory } from './record-format.ts';
import { codeOf, filesIn, readRun, recordsIn } from './record-reader.ts';

/** A job that has runs in the store. */
export interface KnownJob {
  name: string;
  /** Where not even its name can be told, so that `name` is its directory's: why. Else null. */
  problem: string | null;
}

/**
 * All jobs that ever ran in a store, sorted by name.
 *
 * @throws {StoreError} if it cannot be read
 */
export function knownJobs(host: Host, store: Pick<StoreDirectory, 'path'>): KnownJob[] {
  const directory = jobsDirectory(store.path);
  try {
    checkOwnDirectory(host, directory);
    const files = host.files.list(directory) ?? [];
    const known = files.map((file) => jobIn(host, directory, file)).filter((job) => job !== null);
    return known.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    throw storeErrorOf(error, { operation: 'look at the jobs', path: directory });
  }
}

/** Null if no run was ever written down there. */
function jobIn(host: Host, jobs: string, file: string): KnownJob | null {
  // A directory that is being made.
  if (file.startsWith('.')) return null;
  const plain = plainNameOf(file);
  try {
    const records = recordsIn(filesIn(host, `${jobs}/${file}`));
    if (records.length === 0) return null;
    return plain === null ? longNamed(host, jobs, file, records) : { name: plain, problem: null };
  } catch (error) {
    // Whoever looks at its runs by its name is told the same.
    const problem = plain === null ? `its records cannot be looked at (${codeOf(error)})` : null;
    return { name: plain ?? file, problem };
  }
}

/** A name that is too long for a directory's is only in the records. */
function longNamed(host: Host, jobs: string, file: string, records: readonly string[]): KnownJob {
  let problem = 'its records belong to another job';
  for (const record of records) {
    const reading = readRun(host, `${jobs}/${file}`, record);
    if (reading && 'problem' in reading) problem = reading.problem;
    else if (reading && encodeName(reading.run.job) === file) return { name: reading.run.job, problem: null };
  }
  return { name: file, problem };
}

/** The name that a directory's name stands for; null if that does not tell it. */
function plainNameOf(file: string): string | null {
  try {
    const name = decodeURIComponent(file);
    return encodeName(name) === file ? name : null;
  } catch {
    return null;
  }
}
