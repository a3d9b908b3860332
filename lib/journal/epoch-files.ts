import { isErrno } from '../host/errno.ts';
import type { Files } from '../host/host.ts';
import { writeHeader } from './epoch-header.ts';
import { journalError } from './journal-error.ts';
import { PreparedDirectories, type PreparedOptions } from './prepared-directories.ts';

/** No journal has an epoch number with more digits than this. */
const MAX_EPOCH = 999_999_999_999_999;
/** How often a private file's name is tried. */
const MAX_NAMES = 1_000;

/** The name of a journal's file, with its epoch. */
export const JOURNAL = /^journal\.([1-9]\d{0,14})$/;
/** The name of the file in which a session prepares the epoch that it is about to publish. */
export const PRIVATE = /^next\.([1-9]\d{0,14})\./;

export interface EpochFilesOptions extends PreparedOptions {
  /** How many of the epochs before the current one are kept, for history. Default 1. */
  keptEpochs?: number;
  /** The number of the first epoch in a new directory. Default 1. */
  firstEpoch?: () => number;
}

/** An epoch's file. */
export interface EpochFile {
  number: number;
  inode: number;
}

/** The files of one journal: which epochs there are, and how the next one gets its name. */
export class EpochFiles {
  readonly #options: EpochFilesOptions;
  readonly #prepared: PreparedDirectories;
  #privateFiles = 0;

  constructor(options: EpochFilesOptions) {
    this.#options = options;
    this.#prepared = new PreparedDirectories(options);
  }

  path(epoch: number): string {
    return `${this.#options.directory}/journal.${epoch}`;
  }

  /** The highest epoch there is; 0 if there is none. */
  highest(): number {
    return highestIn(this.#list());
  }

  /**
   * Makes the resource's directory, with the first epoch's file in it: whole or not at all. If an epoch is there, nothing
   * is made.
   */
  begin(payload: () => unknown): void {
    const outcome = this.#prepared.putInPlace(() => ({ payload: payload(), epoch: this.#firstEpoch() }));
    if (outcome === 'in place') return;
    // An empty directory in the way is removed. By now others may have done so.
    if (outcome === 'in the way') this.removeEmpty();
    if (this.#list().some((name) => !PRIVATE.test(name))) this.#beginAmongOthers(payload);
  }

  /** In a directory that has other programs' files, and so is never removed. */
  #beginAmongOthers(payload: () => unknown): void {
    if (this.highest() === 0) this.#link(this.#firstEpoch(), payload(), () => true);
  }

  /**
   * Puts the next epoch's file in place, whole or not at all. If another session has done it before, its file says the
   * same. A process that is killed in here leaves a private file, which a later rotation removes.
   *
   * `last` must be in place behind the making of the private file. Without that look:
   *   1. P folds epoch 1, in which the resource was forgotten, and stops;
   *   2. the directory is removed, and made anew for another session, which holds in epoch 3 there;
   *   3. P makes its private file in the new directory, and links it as epoch 2. A rotation takes it for an old one;
   *   4. the resource is forgotten again: epoch 3 goes, and a session holds in epoch 2;
   *   5. the rotation removes epoch 2 from under it.
   * If `last` is there, so is the directory that it was folded in, and the private file is in it. That directory can be
   * removed only after the private file, and a file without a name cannot be linked.
   */
  publish(last: EpochFile, payload: unknown): void {
    this.#link(this.#checked(last.number + 1), payload, () => this.#isInPlace(last));
    this.#bestEffort(() => this.#sweep());
  }

  /** `isWanted` is asked when the private file is there. */
  #link(number: number, payload: unknown, isWanted: () => boolean): void {
    const { files } = this.#options.host;
    let made: string | undefined;
    try {
      const { path: file, fd } = this.#createPrivate(number);
      made = file;
      writeHeader(files, fd, payload);
      if (isWanted()) files.link(file, this.path(number));
    } catch (error) {
      // Removed by another session's rotation: then there is a higher epoch than the one being made here. Or the
      // directory itself was removed.
      if (!isErrno(error, 'ENOENT')) throw error;
    } finally {
      if (made !== undefined) this.#bestEffort(() => files.remove(made as string));
    }
  }

  /**
   * Removes a resource's directory whose last epoch is this forgotten one. If another session has made a successor
   * meanwhile, or other programs have files in it, the directory stays. The forgotten epoch goes last: as long as it is
   * there, it is the highest.
   */
  removeForgotten(number: number): boolean {
    const names = this.#list();
    const isOurs = (name: string) => JOURNAL.test(name) || PRIVATE.test(name);
    if (highestIn(names) !== number || !names.every(isOurs)) return false;
    for (const epoch of epochsIn(names)) this.#options.host.files.remove(this.path(epoch));
    return this.removeEmpty();
  }

  /** Removes all prepared directories: their makers start over. @throws {StoreError} if one cannot be removed */
  removePrepared(): void {
    this.#prepared.removeAll();
  }

  /** Removes the resource's directory if it has no epoch. True if it is gone. */
  removeEmpty(): boolean {
    const { host, directory } = this.#options;
    const names = this.#list();
    if (highestIn(names) !== 0) return false;
    // Without a last epoch in place nobody links these any more.
    for (const name of names) if (PRIVATE.test(name)) host.files.remove(`${directory}/${name}`);
    return host.files.removeDirectory(directory);
  }

  #firstEpoch(): number {
    return this.#checked(this.#options.firstEpoch?.() ?? 1);
  }

  #checked(number: number): number {
    if (number <= MAX_EPOCH) return number;
    throw journalError(this.#options, 'STORE_DAMAGED', `there is no number behind journal.${MAX_EPOCH}`);
  }

  #isInPlace({ number, inode }: EpochFile): boolean {
    // In a guarded store a look may be a minute old; there no directory is removed.
    const { host, keptEpochs } = this.#options;
    return keptEpochs !== undefined || host.files.look(this.path(number))?.inode === inode;
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

/** The highest epoch among the names in a directory; 0 if there is none. */
export function highestIn(names: readonly string[]): number {
  return names.reduce((highest, name) => Math.max(highest, Number(JOURNAL.exec(name)?.[1] ?? 0)), 0);
}
