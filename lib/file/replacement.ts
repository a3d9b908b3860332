import type { StoreError } from '../errors.ts';
import type { DocumentFacts } from '../host/document-host.ts';
import { isErrno } from '../host/errno.ts';
import type { HintPlace } from './attribute-hint.ts';
import { Attributes } from './attributes.ts';
import { type FileAct, fileError } from './file-error.ts';
import { type FilePlace, NewFile } from './new-file.ts';

const SET_ID_BITS = 0o6000;

/** The file that is to be replaced, open. */
export interface Replaced extends FilePlace {
  /** The path for messages. */
  path: string;
  fd: number;
  facts: DocumentFacts;
  /** Where its writers leave hints for each other. */
  hintPlace?: HintPlace | undefined;
}

export interface ReplaceOptions {
  /**
   * Whether the file may become the writer's own, where the writer may not give files away. Default: false: such a
   * replacement is refused.
   */
  allowNewOwner?: boolean;
  /** Called right before the file is replaced. If it throws, the file is not replaced. */
  beforeRename?: () => Promise<void>;
  /** Where the file's writers, in several processes, leave hints for each other. Without it each of them looks by itself. */
  hintPlace?: HintPlace | undefined;
}

/**
 * A new file that takes the place of another one: whole, with its owner, group, mode, access list and extended
 * attributes, or not at all. The order of the steps is the protocol:
 *
 *   1. `make` creates the new file beside the other one, under an unguessable name, readable by its owner alone;
 *   2. `fill` gives it the owner and the attributes, then the contents, then the mode, and syncs it;
 *   3. the caller checks the lease and the old file for the last time;
 *   4. `putInPlace` renames it.
 *
 * A crash before step 4 leaves the old file and a temporary file; after it, the new file.
 */
export class Replacement {
  readonly #replaced: Replaced;
  readonly #file: NewFile;
  #plainNs: bigint | null = null;

  private constructor(replaced: Replaced, file: NewFile) {
    this.#replaced = replaced;
    this.#file = file;
  }

  /** @throws the system's error */
  static make(replaced: Replaced): Replacement {
    return new Replacement(replaced, NewFile.make(replaced, 0o600));
  }

  /**
   * @throws {StoreError} (rejects) if the owner, the group or the attributes cannot be kept
   * @throws the system's error (rejects)
   */
  async fill(bytes: Uint8Array, allowNewOwner: boolean): Promise<void> {
    const { host, fd: from, facts, directory, hintPlace } = this.#replaced;
    const made = host.facts(this.#file.fd);
    const mode = this.#giveOwner(made, allowNewOwner);
    this.#plainNs = await Attributes.on(host).carry(
      { from, facts, nowNs: made.changedNs, directory: directory.facts(), act: this.#act, hintPlace },
      this.#file.fd,
    );
    await this.#file.fill(bytes, mode);
  }

  /** @throws the system's error; `ENOENT` if the next holder of the lock swept the new file away */
  putInPlace(): void {
    const { host, hintPlace } = this.#replaced;
    this.#file.putInPlace();
    try {
      Attributes.on(host).note(host.facts(this.#file.fd), this.#plainNs, hintPlace);
    } catch {
      // The next replacement looks again.
    }
  }

  /** Removes it, unless it is in place. */
  discard(): void {
    this.#file.discard();
  }

  close(): void {
    this.#file.close();
  }

  get #act(): FileAct {
    return { operation: 'replace', path: this.#replaced.path };
  }

  /** Gives the new file the owner and the group of the old one. Returns the mode that the new file may have. */
  #giveOwner(made: DocumentFacts, allowNewOwner: boolean): number {
    const { uid, gid, mode } = this.#replaced.facts;
    const hasGroup = made.gid === gid || this.#setOwner(made.uid, gid);
    const hasOwner = made.uid === uid || (hasGroup && this.#setOwner(uid, gid));
    if (hasOwner && hasGroup) return mode;
    // The group's extra permissions: another group must not gain them, nor this group lose them without notice.
    const groupBits = hasGroup ? 0 : mode & 0o070 & ~((mode & 0o007) << 3);
    if (!allowNewOwner && !(hasOwner && groupBits === 0))
      throw this.#ownerError(hasOwner, hasGroup ? { ...made, gid } : made);
    // Without the set-id bits, a program never runs as the new owner.
    return mode & ~groupBits & ~SET_ID_BITS;
  }

  /** False if this process is not permitted to, or this user namespace has no such user. */
  #setOwner(uid: number, gid: number): boolean {
    try {
      this.#replaced.host.setOwner(this.#file.fd, uid, gid);
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
      `it is ${what}, and this process (uid ${made.uid}) may not give its replacement to them: it would become uid ${made.uid}’s, group ${made.gid}. It was not changed. Let its owner or root do it; or accept the new owner with { allowNewOwner: true }.`,
    );
  }
}
