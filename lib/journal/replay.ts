import { closeOnce } from '../host/close-once.ts';
import { isErrno } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import { MAX_JOURNAL_BYTES, MAX_ROUNDS } from './current-epoch.ts';
import { Epoch, type Machine } from './epoch.ts';
import { epochsIn } from './epoch-files.ts';
import { HeaderError } from './epoch-header.ts';
import { type JournalPlace, journalError, journalFailure } from './journal-error.ts';

export interface PastOptions extends JournalPlace {
  host: Host;
}

/** Follows the epochs, one after another. */
export interface Follower {
  /** Returns the machine for the next epoch, which has this header. A `RangeError` means that it is none. */
  begin(header: unknown): Machine;
}

interface OpenEpoch {
  number: number;
  path: string;
  fd: number;
}

/**
 * Reads the kept epochs of a journal, from the oldest one that leads up to the current one. It writes
 * nothing, makes no epoch and seals none.
 *
 * An epoch that cannot be read, or was never sealed (a session that was overtaken made it), leads nowhere: the reading
 * begins again behind it, with a new follower.
 *
 * @returns the last follower, the number of the last epoch, and those that were skipped as damaged; null if there is no journal
 * @throws {StoreError}
 */
export function followPast<F extends Follower>(
  options: PastOptions,
  follower: () => F,
): { followed: F; epoch: number; damaged: number[] } | null {
  try {
    const epochs = openAll(options);
    return epochs && foldAll(options, epochs, follower);
  } catch (error) {
    throw journalFailure(options, 'read', error);
  }
}

function foldAll<F extends Follower>({ host }: PastOptions, epochs: readonly OpenEpoch[], follower: () => F) {
  const damaged: number[] = [];
  let followed = follower();
  try {
    for (const { number, path, fd } of epochs) {
      const isNewest = number === epochs.at(-1)?.number;
      try {
        const size = host.files.look(path)?.size ?? 0;
        if (size > MAX_JOURNAL_BYTES) throw new HeaderError('STORE_DAMAGED', `no journal has ${size} bytes`);
        const epoch = new Epoch(host, fd, number, (header) => followed.begin(header));
        epoch.fold();
        if (!epoch.sealed && !isNewest) followed = follower();
      } catch (error) {
        if (!(error instanceof HeaderError) || isNewest) throw error;
        damaged.push(number);
        followed = follower();
      }
    }
  } finally {
    for (const { fd } of epochs) closeOnce(host.files, fd);
  }
  return { followed, epoch: epochs.at(-1)?.number ?? 0, damaged };
}

/**
 * Opens all epochs up to the current one, ascending. A file that is open stays readable when its name is removed: so
 * a rotation can come only between listing and opening. Then it starts over.
 */
function openAll(options: PastOptions): OpenEpoch[] | null {
  const { host, directory } = options;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const numbers = successive(epochsIn(host.files.list(directory) ?? []));
    if (numbers.length === 0) return null;
    const epochs = tryToOpen(options, numbers);
    if (!epochs) continue;
    const highest = epochsIn(host.files.list(directory) ?? []).at(-1);
    if (highest === numbers.at(-1)) return epochs;
    for (const { fd } of epochs) closeOnce(host.files, fd);
  }
  throw journalError(options, 'STORE_BUSY', `it rotated ${MAX_ROUNDS} times while it was being read`);
}

/** Null if one of them is gone. */
function tryToOpen({ host, directory }: PastOptions, numbers: readonly number[]): OpenEpoch[] | null {
  const epochs: OpenEpoch[] = [];
  try {
    for (const number of numbers) {
      const path = `${directory}/journal.${number}`;
      epochs.push({ number, path, fd: host.files.openForReading(path) });
    }
    return epochs;
  } catch (error) {
    for (const { fd } of epochs) closeOnce(host.files, fd);
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** The numbers at the end that follow each other without a gap. */
function successive(numbers: readonly number[]): number[] {
  const start = numbers.findLastIndex((number, place) => place > 0 && numbers[place - 1] !== number - 1);
  return numbers.slice(Math.max(0, start));
}
