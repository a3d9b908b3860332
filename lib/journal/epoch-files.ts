import { closeOnce } from '../host/close-once.ts';
import { isErrno } from '../host/errno.ts';
import type { Files, Host } from '../host/host.ts';
import { writeWhole } from '../host/whole-write.ts';
import { encodeHeader } from './epoch.ts';
import { journalError } from './journal-error.ts';

/** No journal has an epoch number with more digits than this. */
const MAX_EPOCH = 999_999_999_999_999;
/** How often a private file's name is tried. */
const MAX_NAMES = 1_000;

/** The name of a journal's file, with its epoch. */
export const JOURNAL = /^journal\.([1-9]\d{0,14})$/;
/** The name of the file in which a session prepares the epoch that it is about to publish. */
export const PRIVATE = /^next\.([1-9]\d{0,14})\./;

export interface EpochFilesOptions {
  host: Host;
  /** The resource's directory. */
  directory: string;
  /** The resource, for messages. */
  subject: string;
  /** Distinguishes this session's private files from all others. */
  key: string;
  fileMode: number;
  /** How many of the epochs before the current one are kept, for history. Default 1. */
  keptEpochs?: number;
}

/** The files of one journal: which epochs there are, and how the next one gets its name. */
export class EpochFiles {
  readonly #options: EpochFilesOptions;
  #privateFiles = 0;

  constructor(options: EpochFilesOptions) {
    this.#options = options;
  }

  path(epoch: number): string {
    return `${this.#options.directory}/journal.${epoch}`;
  }

  /** The highest epoch there is; 0 if there is none. */
  highest(): number {
    return highestIn(this.#list());
  }

  /**
   * Puts an epoch's file in place, whole or not at all. If another session has done it before, its file says the
   * same. A process that is killed in here leaves a private file, which a later rotation removes.
   */
  publish(number: number, payload: unknown): void {
    if (number > MAX_EPOCH)
      throw journalError(this.#options, 'STORE_DAMAGED', `there is no number behind journal.${MAX_EPOCH}`);
    const { files } = this.#options.host;
    const { path, fd } = this.#createPrivate(number);
    try {
      try {
        writeWhole(encodeHeader(payload), (rest) => files.write(fd, rest, rest.length));
        // A file in place is whole, also after a power cut: its name must not come before its contents.
        files.sync(fd);
      } finally {
        closeOnce(files, fd);
      }
      files.link(path, this.path(number));
    } catch (error) {
      // Removed by another session's rotation: then there is a higher epoch than the one being made here.
      if (!isErrno(error, 'ENOENT')) throw error;
    } finally {
      this.#bestEffort(() => files.remove(path));
    }
    this.#bestEffort(() => this.#sweep());
  }

  /** A leftover harms nobody, and a later rotation removes it. */
  #bestEffort(call: () => void): void {
    try {
      call();
    } catch {
      // See above.
    }
  }

  #createPrivate(number: number): { path: string; fd: number } {
    const { host, directory, key, fileMode } = this.#options;
    for (;;) {
      const path = `${directory}/next.${number}.${key}.${++this.#privateFiles}`;
      try {
        return { path, fd: host.files.create(path, fileMode) };
      } catch (error) {
        // An earlier try of this session left it, and could not remove it.
        if (!isErrno(error, 'EEXIST') || this.#privateFiles > MAX_NAMES) throw error;
      }
    }
  }

  /** Removes the epochs that are no longer kept, and private files for epochs that exist. */
  #sweep(): void {
    const { host, directory, keptEpochs = 1 } = this.#options;
    const names = this.#list();
    const highest = highestIn(names);
    for (const name of names) {
      const isOld = Number(JOURNAL.exec(name)?.[1] ?? highest) < highest - keptEpochs;
      const isLeftover = Number(PRIVATE.exec(name)?.[1] ?? highest + 1) <= highest;
      if (isOld || isLeftover) host.files.remove(`${directory}/${name}`);
    }
  }

  #list(): string[] {
    return this.#options.host.files.list(this.#options.directory) ?? [];
  }
}

/** The numbers of the epochs among the names in a directory, ascending. */
export function epochsIn(names: readonly string[]): number[] {
  return names
    .map((name) => Number(JOURNAL.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b);
}

/** The path of the file that has a resource's present state; null if there is none. */
export function newestJournal(files: Files, directory: string): string | null {
  const highest = highestIn(files.list(directory) ?? []);
  return highest === 0 ? null : `${directory}/journal.${highest}`;
}

function highestIn(names: readonly string[]): number {
  return names.reduce((highest, name) => Math.max(highest, Number(JOURNAL.exec(name)?.[1] ?? 0)), 0);
}
