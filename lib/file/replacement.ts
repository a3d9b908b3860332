import type { StoreError } from '../errors.ts';
import type { DocumentDirectory, DocumentFacts, DocumentHost } from '../host/document-host.ts';
import { isErrno } from '../host/errno.ts';
import { Attributes } from './attributes.ts';
import { type FileAct, fileError } from './file-error.ts';
import { removeQuietly, TemporaryNames } from './temporary-file.ts';
import { writeAll } from './write-all.ts';

const SET_ID_BITS = 0o6000;

/** The file that is to be replaced, open. */
export interface Replaced {
  host: DocumentHost;
  /** The path for messages. */
  path: string;
  directory: DocumentDirectory;
  /** Its name in that directory. */
  name: string;
  fd: number;
  facts: DocumentFacts;
}

export interface ReplaceOptions {
  /**
   * Whether the file may become the writer's own, where the writer may not give files away. Default: false, and such a
   * replacement is refused.
   */
  allowNewOwner?: boolean;
  /** Called right before the file is replaced; what it throws prevents that. */
  beforeRename?: () => Promise<void>;
}

/**
 * One new file that takes the place of another one: whole, with its owner, group, mode, access list and extended
 * attributes, or not at all. The order of its steps is the protocol:
 *
 *   1. `make` creates it beside the other one, under a name that nobody can guess, readable by nobody else;
 *   2. `fill` gives it the owner and the attributes, then the contents, then the mode, and syncs it;
 *   3. the caller looks at the lease and at the old file for the last time;
 *   4. `putInPlace` renames it.
 *
 * A crash before 4 leaves the old file and a temporary file; after 4 the new file.
 */
export class Replacement {
  readonly #replaced: Replaced;
  readonly #temporary: string;
  readonly #fd: number;
  #isPlain = false;

  private constructor(replaced: Replaced, temporary: string, fd: number) {
    this.#replaced = replaced;
    this.#temporary = temporary;
    this.#fd = fd;
  }

  /** @throws the system's error (rejects) */
  static async make(replaced: Replaced): Promise<Replacement> {
    const { host, directory, name } = replaced;
    const names = await TemporaryNames.of(name);
    const temporary = directory.at(names.with(await host.secret()));
    return new Replacement(replaced, temporary, host.create(temporary, 0o600));
  }

  /**
   * @throws {StoreError} (rejects) if the owner, the group or the attributes cannot be kept
   * @throws the system's error (rejects)
   */
  async fill(bytes: Uint8Array, allowNewOwner: boolean): Promise<void> {
    const { host, fd: from, facts, directory } = this.#replaced;
    const mode = this.#giveOwner(allowNewOwner);
    this.#isPlain = await Attributes.on(host).carry(
      { from, facts, directory: directory.facts(), act: this.#act },
      this.#fd,
    );
    await writeAll(host, this.#fd, bytes);
    host.setMode(this.#fd, mode);
    await host.sync(this.#fd);
  }

  /** @throws the system's error; `ENOENT` if the next holder of the lock swept the new file away */
  putInPlace(): void {
    const { host, directory, name } = this.#replaced;
    host.rename(this.#temporary, directory.at(name));
    try {
      Attributes.on(host).note(host.facts(this.#fd), this.#isPlain);
    } catch {
      // Then the next replacement looks again.
    }
  }

  /** Removes it, unless it is in place. */
  discard(): void {
    removeQuietly(this.#replaced.host, this.#temporary);
  }

  close(): void {
    try {
      this.#replaced.host.close(this.#fd);
    } catch {
      // The descriptor is gone whatever this says, and what was written was synced.
    }
  }

  get #act(): FileAct {
    return { operation: 'replace', path: this.#replaced.path };
  }

  /** Makes the new file the owner's and the group's of the old one. Returns the mode that the new file may have. */
  #giveOwner(allowNewOwner: boolean): number {
    const { host, facts } = this.#replaced;
    const { uid, gid, mode } = facts;
    const made = host.facts(this.#fd);
    const hasGroup = made.gid === gid || this.#setOwner(made.uid, gid);
    const hasOwner = made.uid === uid || (hasGroup && this.#setOwner(uid, gid));
    if (hasOwner && hasGroup) return mode;
    // What the group may do that others may not: another group must not gain it, nor this one lose it unsaid.
    const groupBits = hasGroup ? 0 : mode & 0o070 & ~((mode & 0o007) << 3);
    if (!allowNewOwner && !(hasOwner && groupBits === 0))
      throw this.#ownerError(hasOwner, hasGroup ? { ...made, gid } : made);
    // Nor must a program run as somebody new.
    return mode & ~groupBits & ~SET_ID_BITS;
  }

  /** False if it is not permitted, or this user namespace has no such user. */
  #setOwner(uid: number, gid: number): boolean {
    try {
      this.#replaced.host.setOwner(this.#fd, uid, gid);
      return true;
    } catch (error) {
      if (isErrno(error, 'EPERM', 'EINVAL')) return false;
      throw error;
    }
  }

  #ownerError(hasOwner: boolean, made: DocumentFacts): StoreError {
    const { uid, gid } = this.#replaced.facts;
    const what = hasOwner ? `of group ${gid}` : `of uid ${uid}, group ${gid}`;
    return fileError(
      'FILE_OWNER',
      this.#act,
      `it is ${what}, and this process (uid ${made.uid}) may not make its replacement so: it would become uid ${made.uid}’s, group ${made.gid}. It was not changed. Let its owner or root do it; or accept the new owner with { allowNewOwner: true }.`,
    );
  }
}
