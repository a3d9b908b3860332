import { errnoName } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory } from '../host/own-directory.ts';
import { MAX_RUN_BYTES, parseRun, parseRunFile, type Run } from './record-format.ts';

/** What was found in the place of a run's record. */
export type RunReading = { run: Run } | { problem: string };

const PLACED = { file: 'file', directory: 'directory', link: 'symbolic link', other: 'thing that is no regular file' };

/** Every file in a job's directory. A link in its place is not followed. Throws as a system call does. */
export function filesIn(host: Host, directory: string): string[] {
  checkOwnDirectory(host, directory);
  return host.files.list(directory) ?? [];
}

/** The names of the records among them, the newest first. */
export function recordsIn(files: readonly string[]): string[] {
  return files
    .filter((file) => parseRunFile(file) !== null)
    .sort()
    .reverse();
}

/** Null if there is none any more: a later run has removed it. Never throws, never hangs, whatever is there. */
export function readRun({ files }: Host, directory: string, file: string): RunReading | null {
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

/** The system's name for what went wrong. */
export function codeOf(error: unknown): string {
  return errnoName(error) ?? 'an unknown error';
}
