import { errnoWords } from '../host/errno.ts';
import { describeKind } from '../host/file-kind.ts';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory } from '../host/own-directory.ts';
import { isRunFile, MAX_RUN_BYTES, parseRun } from './record-format.ts';
import type { Run } from './run.ts';

/** The result of one look at a run's record. */
export type RecordReading = { run: Run } | { problem: string };

/** Returns every file name in a job's directory. It does not follow a link to one. Throws as a system call does. */
export function filesIn(host: Host, directory: string): string[] {
  checkOwnDirectory(host, directory);
  return host.files.list(directory) ?? [];
}

/** Returns the names of the records among these files, the newest first. */
export function recordsIn(files: readonly string[]): string[] {
  return files.filter(isRunFile).sort().reverse();
}

/**
 * Reads a record; null if a later run has removed it. It never throws or hangs, whatever stands in the record's place. That
 * is looked at only if it is no record: `lockstep jobs` reads thousands of them.
 */
export function readRun(host: Host, directory: string, file: string): RecordReading | null {
  const path = `${directory}/${file}`;
  let reading: RecordReading;
  try {
    const text = host.files.readText(path, MAX_RUN_BYTES);
    if (text === null) return null;
    reading = parseRun(text, file);
  } catch (error) {
    reading = { problem: `its record cannot be read (${errnoWords(error)})` };
  }
  return 'run' in reading ? reading : (misplaced(host, path) ?? reading);
}

/** The problem if what stands in a record's place can be none, whatever it contains. */
function misplaced({ files }: Host, path: string): RecordReading | null {
  try {
    const found = files.look(path);
    if (found === null) return null;
    if (found.kind !== 'file') return { problem: `the place of its record is taken by ${describeKind(found.kind)}` };
    return found.size > MAX_RUN_BYTES ? { problem: `its record is too large (${found.size} bytes)` } : null;
  } catch {
    return null;
  }
}
