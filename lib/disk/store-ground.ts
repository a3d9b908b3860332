import path from 'node:path';
import { isErrno } from '../host/errno.ts';
import type { Belonging, FileFacts, Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { type Ground, pinnedHost } from '../host/pinned-files.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { directoryAt, factsOf, goneError, isLocal, isPrivate, nearest, refusal } from './store-place.ts';

/** Options for a store that is more than one user's own on one machine. */
export interface StoreWishes {
  /**
   * For a directory on a network file system that several machines share: every append under a lock of its own. Slow,
   * and from the store's first use on or never. Default: `LOCKSTEP_GUARDED=1` in the environment. Every process
   * recognizes a store that was made so.
   */
  guarded?: boolean;
  /**
   * For a directory that its group may write in: all its members use the store together, and trust each other with
   * it. Default: `LOCKSTEP_SHARED=1` in the environment.
   */
  shared?: boolean;
}

/** The rules of a store that its path names, or of a store beside a file. */
export interface StorePolicy {
  /** Makes the directory if nothing is there. */
  make(): void;
  /** The mode that it would be made with. */
  plannedMode(): number;
  /** Refuses a directory that cannot be trusted; else returns the mode of what is made in it. */
  check(facts: FileFacts): number;
  /** Makes what every such store has from the beginning. `host` is pinned to the store. */
  furnish?(host: Host, fileMode: number): void;
}

/** The file that marks a store whose appends are guarded. */
const GUARDED = 'guarded';

/** A store's directory on this machine: found, checked, made, and found again after it was deleted. */
export class StoreGround implements StoreDirectory, Ground {
  readonly path: string;
  readonly #host: Host;
  readonly #asksForGuard: boolean;
  readonly #policy: StorePolicy;
  #mode = 0o700;
  #local = false;
  /** Null until it is known. Then it stays so: callers that have opened the store rely on it. */
  #guarded: boolean | null = null;
  #place: string | null = null;
  #facts: FileFacts | null = null;
  #isPrivate = false;

  constructor(host: Host, directory: string, wishes: StoreWishes, policy: StorePolicy) {
    this.#host = host;
    this.path = directory;
    this.#asksForGuard = wishes.guarded ?? process.env.LOCKSTEP_GUARDED === '1';
    this.#policy = policy;
  }

  get ground(): Ground {
    return this;
  }

  get place(): string | null {
    return this.#place;
  }

  get isPrivate(): boolean {
    return this.#isPrivate;
  }

  get directoryMode(): number {
    return this.#mode & 0o2770;
  }

  get fileMode(): number {
    return this.#mode & 0o660;
  }

  get local(): boolean {
    return this.#local;
  }

  get guarded(): boolean {
    return this.#guarded ?? false;
  }

  /**
   * The owner of what is made here. Root gives its files in another user's store to that user, or that user would be locked
   * out. A file for a group belongs to the store's group, also in a directory that does not pass its group on (setgid).
   */
  get belonging(): Belonging | undefined {
    if (this.#facts === null) return undefined;
    const { uid, gid } = this.#facts;
    if (this.#host.processes.uid() === 0 && uid !== 0) return { uid, gid };
    return (this.#mode & 0o070) === 0 || this.#host.processes.uid() === -1 ? undefined : { uid: null, gid };
  }

  check(): void {
    guard(this.path, () => {
      if (this.#find()) return;
      this.#mode = this.#policy.plannedMode();
      this.#guarded ??= this.#asksForGuard;
      this.#local = isLocal(this.#host, this.path, nearest(this.#host, this.path), this.guarded);
    });
  }

  remake(): void {
    guard(this.path, () => {
      if (this.#host.files.look(this.path) === null) this.#policy.make();
      if (!this.#find()) throw goneError(this.path);
      const pinned = pinnedHost(this.#host, this);
      if (this.guarded) this.#mark(pinned);
      this.#policy.furnish?.(pinned, this.fileMode);
    });
  }

  hasMoved(): boolean {
    const { files } = this.#host;
    if (files.look(this.path)?.kind !== 'directory') return false;
    const opened = files.openDirectory(this.path);
    try {
      const { device, inode } = factsOf(this.#host, this.path, opened);
      const isSame = device === this.#facts?.device && inode === this.#facts.inode;
      if (isSame) this.#place = opened.place;
      return isSame;
    } finally {
      files.closeDirectory(opened);
    }
  }

  /** Looks at what is there now. False if nothing is. */
  #find(): boolean {
    const { files } = this.#host;
    this.#place = null;
    this.#facts = null;
    this.#isPrivate = false;
    if (files.look(this.path) === null) return false;
    // Before it is opened: a refusal says more than the system's error.
    this.#policy.check(directoryAt(this.#host, this.path));
    const opened = files.openDirectory(this.path);
    try {
      const facts = factsOf(this.#host, this.path, opened);
      this.#mode = this.#policy.check(facts);
      this.#guarded = this.#findGuarded();
      this.#local = isLocal(this.#host, this.path, this.path, this.#guarded);
      this.#place = opened.place;
      this.#facts = facts;
      this.#isPrivate = isPrivate(this.#host, opened.place);
      return true;
    } finally {
      files.closeDirectory(opened);
    }
  }

  /**
   * A store is guarded from its first use on, or never: processes that guard their appends would not
   * exclude those that do not.
   */
  #findGuarded(): boolean {
    const { files } = this.#host;
    const isMarked = files.look(path.join(this.path, GUARDED)) !== null;
    const isUsed = files.look(path.join(this.path, 'resources')) !== null;
    if (this.#asksForGuard && !isMarked && isUsed)
      throw refusal(this.path, 'it was used without guarded appends before, and now LOCKSTEP_GUARDED asks for them');
    if (isMarked && this.#guarded === false)
      throw refusal(
        this.path,
        'it was made anew as a guarded one, and this process does not guard its appends; start it again',
      );
    return isMarked || this.#asksForGuard;
  }

  #mark({ files }: Host): void {
    const marker = path.join(this.path, GUARDED);
    if (files.look(marker) !== null) return;
    try {
      files.close(files.create(marker, this.fileMode));
    } catch (error) {
      // Another process makes it at this moment.
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}

function guard<T>(directory: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw storeErrorOf(error, { operation: 'open the store', path: directory });
  }
}
