import path from 'node:path';
import { isErrno, systemError } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import { writeHeader } from './epoch-header.ts';
import { journalError } from './journal-error.ts';

/** How often a private directory's name is tried. */
const MAX_NAMES = 1_000;
/** The name of the directory in which a session prepares a resource's first epoch. */
const PREPARED = /^\.new\./;

export interface PreparedOptions {
  host: Host;
  /** The resource's directory. */
  directory: string;
  /** The resource, for messages. */
  subject: string;
  /** Distinguishes this session's private files from all others. */
  key: string;
  fileMode: number;
  directoryMode: number;
  /** Where sessions prepare the directories of new resources. Default: beside the resource's directory. */
  preparedIn?: string;
}

/** A journal's first epoch, and its header's payload. */
export interface FirstEpoch {
  payload: unknown;
  epoch: number;
}

/** The directories in which sessions prepare the first epochs of new resources. */
export class PreparedDirectories {
  readonly #options: PreparedOptions;
  #made = 0;

  constructor(options: PreparedOptions) {
    this.#options = options;
  }

  /**
   * Makes the resource's directory, with the first epoch's file in it: whole or not at all.
   *
   * Two sessions may find no epoch, and believe different numbers to be the first one. So what is renamed into place is
   * not a file but its directory: it replaces no directory but an empty one.
   *
   * The number is taken when the prepared directory is there. Otherwise:
   *   1. P takes the number 1, and stops;
   *   2. the name is made, used, and forgotten by others; its directory is removed, with an epoch 1;
   *   3. P puts another epoch 1 in place. A rotation of the first one, which had stopped, removes it from under its holder.
   * A removal comes after the numbers were raised, and after all prepared directories that it finds were removed.
   *
   * @returns whether it is in place; or what is a reason to start over: another directory stands in the way, or the
   * prepared one was removed
   */
  putInPlace(first: () => FirstEpoch): 'in place' | 'in the way' | 'removed' {
    const { host, directory, fileMode } = this.#options;
    const { files } = host;
    const prepared = this.#create();
    let file: string | undefined;
    try {
      const { payload, epoch } = first();
      file = `${prepared}/journal.${epoch}`;
      writeHeader(files, files.create(file, fileMode), payload);
      files.rename(prepared, directory);
      return 'in place';
    } catch (error) {
      if (file !== undefined) bestEffort(() => files.remove(file as string));
      bestEffort(() => files.removeDirectory(prepared));
      return this.#explain(error, prepared);
    }
  }

  /** Throws an error that is no reason to start over. */
  #explain(error: unknown, prepared: string): 'in the way' | 'removed' {
    const { host, directory } = this.#options;
    const areThere = [prepared, directory].every((one) => host.files.look(path.dirname(one)) !== null);
    if (isErrno(error, 'ENOENT') && areThere) return 'removed';
    // Windows replaces no directory, and reports EPERM. By now it may have been removed.
    const isInTheWay = isErrno(error, 'ENOTEMPTY', 'EEXIST', ...(process.platform === 'win32' ? ['EPERM'] : []));
    if (!isInTheWay) throw error;
    return 'in the way';
  }

  /** Removes all of them: their makers start over. @throws {StoreError} if one cannot be removed */
  removeAll(): void {
    const { files } = this.#options.host;
    for (const name of files.list(this.#place) ?? []) {
      const prepared = `${this.#place}/${name}`;
      // Its maker may put its one file there meanwhile.
      for (let round = 0; PREPARED.test(name) && files.look(prepared) !== null; round++) {
        for (const file of files.list(prepared) ?? []) files.remove(`${prepared}/${file}`);
        if (!files.removeDirectory(prepared) && round === MAX_NAMES)
          throw journalError(this.#options, 'STORE_BUSY', `${prepared} cannot be removed`);
      }
    }
  }

  get #place(): string {
    return this.#options.preparedIn ?? path.dirname(this.#options.directory);
  }

  #create(): string {
    const { host, key, directoryMode } = this.#options;
    for (;;) {
      const prepared = `${this.#place}/.new.${key}.${++this.#made}`;
      if (host.files.makeDirectory(prepared, directoryMode)) return prepared;
      // An earlier try of this session left it, and could not remove it.
      if (this.#made > MAX_NAMES) throw systemError('EEXIST', `it is there already, '${prepared}'`, { path: prepared });
    }
  }
}

/** A leftover harms nobody: a removal sweeps it away. */
function bestEffort(call: () => void): void {
  try {
    call();
  } catch {
    // See above.
  }
}
