import { errnoName } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory } from '../host/own-directory.ts';
import { MAX_RUN_BYTES, parseRun, parseRunFile, type Run } from './record-format.ts';

/** The result of one look at a run's record. */
export type RecordReading = { run: Run } | { problem: string };

const PLACED = { file: 'file', directory: 'directory', link: 'symbolic link', other: 'thing that is no regular file' };

/** Returns every file name in a job's directory. It does not follow a link to one. Throws as a system call does. */
export function filesIn(host: Host, directory: string): string[] {
  checkOwnDirectory(host, directory);
  return host.files.list(directory) ?? [];
}

/** Returns the names of the records among these files, the newest first. */
export function recordsIn(files: readonly string[]): string[] {
  return files
    .filter((file) => parseRunFile(file) !== null)
    .sort()
    .reverse();
}

/** Reads a record; null if a later run has removed it. It never throws or hangs, whatever stands in the record's place. */
export function readRun({ files }: Host, directory: string, file: string): RecordReading | null {
  const path = `${directory}/${file}`;
  try {
    const found = files.look(path);
    if (found === null) return null;
    if (found.kind !== 'file') return { problem: `the place of its record is taken by a ${PLACED[found.kind]}` };
    if (found.size > MAX_RUN_BYTES) return { problem: `its record is too large (${found.size} bytes)` };
    const text = files.readText(path);
    return text === null ? null : parseRun(text, file);
  } catch (error) {
    return { problem: `its record cannot be read (${codeOf(error)})` };
  }
}

/** Returns the system's name of an error. */
export function codeOf(error: unknown): string {
  return errnoName(error) ?? 'an unknown error';
}
