import { closeOnce } from '../host/close-once.ts';
import { isErrno } from '../host/errno.ts';
import type { FileFacts, Host } from '../host/host.ts';
import { checkIsOwnDirectory } from '../host/own-directory.ts';
import { MAX_JOURNAL_BYTES, MAX_ROUNDS } from './current-epoch.ts';
import { Epoch, type Machine } from './epoch.ts';
import { highestIn } from './epoch-files.ts';
import { HeaderError } from './epoch-header.ts';
import { type JournalPlace, journalError, journalFailure } from './journal-error.ts';

/**
 * A directory's time may be this much behind the change that it belongs to: file systems count in steps of up to two
 * seconds.
 */
const SETTLED_MS = 2_000;

export interface PresentOptions extends JournalPlace {
  host: Host;
}

/**
 * Reads the present state of a journal in passing: it keeps nothing open and writes nothing, and so takes a third of the
 * system calls of `Journal.open`. An epoch that was left sealed, without a successor, is the present state. Not for a
 * guarded store, where the time of a directory may be a minute old.
 *
 * @returns null if there is no journal, or the resource was forgotten
 * @throws {StoreError}
 */
export function presentState<M extends Machine>(options: PresentOptions, load: (header: unknown) => M): M | null {
  try {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = readNewest(options, load);
      if (found !== 'moved') return found?.isForgotten ? null : found;
    }
  } catch (error) {
    throw journalFailure(options, 'open', error);
  }
  throw journalError(options, 'STORE_BUSY', `it rotated ${MAX_ROUNDS} times while it was being read`);
}

/** `moved`: it was rotated meanwhile. */
function readNewest<M extends Machine>(options: PresentOptions, load: (header: unknown) => M): M | null | 'moved' {
  const { host, directory } = options;
  const { files } = host;
  const before = files.look(directory);
  if (before === null) return null;
  checkIsOwnDirectory(directory, before);
  const beganMs = host.clock.wallMicros() / 1_000;
  const highest = highestIn(files.list(directory) ?? []);
  if (highest === 0) return null;
  const fd = openOrNull(host, `${directory}/journal.${highest}`);
  if (fd === null) return 'moved';
  try {
    if (!isSettled(options, before, beganMs) && highestIn(files.list(directory) ?? []) !== highest) return 'moved';
    return stateIn(host, fd, highest, load);
  } finally {
    closeOnce(files, fd);
  }
}

/**
 * Whether the directory is as it was before it was listed: then the highest epoch is the same after the opening as before,
 * which `Journal` needs a second listing to know. A change while it was listed would have given it another time, or left
 * it the time of a change just before.
 */
function isSettled({ host, directory }: PresentOptions, before: FileFacts, beganMs: number): boolean {
  if (beganMs - before.modifiedMs < SETTLED_MS) return false;
  const after = host.files.look(directory);
  return after?.inode === before.inode && after.modifiedMs === before.modifiedMs;
}

function stateIn<M extends Machine>(host: Host, fd: number, number: number, load: (header: unknown) => M): M {
  const epoch = new Epoch(host, fd, number, load, true);
  if (epoch.isWhole) return epoch.machine;
  const { size } = host.files.facts(fd);
  if (size > MAX_JOURNAL_BYTES) throw new HeaderError('STORE_DAMAGED', `no journal has ${size} bytes`);
  epoch.fold();
  return epoch.machine;
}

function openOrNull({ files }: Host, path: string): number | null {
  try {
    return files.openForReading(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
