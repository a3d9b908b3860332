import path from 'node:path';
import { StoreError } from '../errors.ts';
import { systemError } from '../host/errno.ts';
import type { Belonging, FileFacts, Host, OpenDirectory } from '../host/host.ts';
import { FUSE, networkFileSystem } from '../host/network-file-system.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { type Ground, pinnedHost } from '../host/pinned-files.ts';
import { storeErrorOf } from '../host/system-error.ts';

/** What a store may be asked to be, beyond one user's own on one machine. */
export interface StoreWishes {
  /**
   * For a directory on a network file system that several machines share: every append under a lock of its own. Slow,
   * and from the store's first use on or never. Default: `LOCKSTEP_GUARDED=1` in the environment. A store that
   * was made so is found to be so by everybody.
   */
  guarded?: boolean;
  /**
   * For a directory that its group may write in: all its members use the store together, and trust each other with
   * it. Default: `LOCKSTEP_SHARED=1` in the environment.
   */
  shared?: boolean;
}

/** What differs between a store that its path names and a store beside a file. */
export interface Keeper {
  /** Makes the directory if nothing is there. */
  make(): void;
  /** The mode that it would be made with. */
  plannedMode(): number;
  /** Refuses a directory that cannot be trusted; else returns the mode by which what is in it is made. */
  check(facts: FileFacts): number;
  /** Makes what belongs into it from the beginning. `host` is pinned to the store. */
  furnish?(host: Host, fileMode: number): void;
}

/** The file in a store by which everybody who opens it knows that its appends are guarded. */
const GUARDED = 'guarded';

/** A store's directory on this machine: found, checked, made, and found again after somebody deleted it. */
export class StoreGround implements StoreDirectory, Ground {
  readonly path: string;
  readonly #host: Host;
  readonly #asksForGuard: boolean;
  readonly #keeper: Keeper;
  #mode = 0o700;
  #local = false;
  /** Null until it is known. Then it stays so: whoever has opened the store goes by it. */
  #guarded: boolean | null = null;
  #place: string | null = null;
  #facts: FileFacts | null = null;
  #isPrivate = false;

  constructor(host: Host, directory: string, wishes: StoreWishes, keeper: Keeper) {
    this.#host = host;
    this.path = directory;
    this.#asksForGuard = wishes.guarded ?? process.env.LOCKSTEP_GUARDED === '1';
    this.#keeper = keeper;
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
   * What root makes in another user's store belongs to that user, who would be locked out of it otherwise. What is made
   * for a group belongs to the store's group, also in a directory that does not hand its group on (setgid).
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
      this.#mode = this.#keeper.plannedMode();
      this.#guarded ??= this.#asksForGuard;
      this.#local = isLocal(this.#host, this.path, nearest(this.#host, this.path), this.guarded);
    });
  }

  remake(): void {
    guard(this.path, () => {
      if (this.#host.files.look(this.path) === null) this.#keeper.make();
      if (!this.#find()) throw goneError(this.path);
      const pinned = pinnedHost(this.#host, this);
      if (this.guarded) this.#mark(pinned);
      this.#keeper.furnish?.(pinned, this.fileMode);
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
    this.#keeper.check(directoryAt(this.#host, this.path));
    const opened = files.openDirectory(this.path);
    try {
      const facts = factsOf(this.#host, this.path, opened);
      this.#mode = this.#keeper.check(facts);
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
   * A store is guarded from its first use on, or never: some who guard their appends and some who do not would not be
   * apart from each other.
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
      // Somebody else makes it at this moment.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Whether every directory from a place up to the root can be changed by this user and root alone. */
function isPrivate(host: Host, place: string): boolean {
  const trusted = [host.processes.uid(), 0];
  const facts = host.files.look(place);
  if (facts?.kind !== 'directory' || !trusted.includes(facts.uid)) return false;
  // In a sticky directory others cannot rename what is not theirs.
  if ((facts.mode & 0o022) !== 0 && (facts.mode & 0o1000) === 0) return false;
  const parent = path.dirname(place);
  return parent === place || isPrivate(host, parent);
}

/** Whether only this kernel can have it mounted. @throws {StoreError} if appends there do not stay whole */
function isLocal(host: Host, store: string, directory: string, guarded: boolean): boolean {
  const type = host.files.fileSystemType(directory);
  const network = networkFileSystem(type);
  if (network !== undefined && !guarded) {
    throw new StoreError(
      'STORE_NETWORK',
      `the store ${store} is on a network file system (${network}), where appends are not atomic. Choose a local directory ({ store } or $LOCKSTEP_DIR); or, if several machines must share it, read of guarded stores in docs/guarantees.md and set LOCKSTEP_GUARDED=1.`,
      { operation: 'open', path: store },
    );
  }
  return type !== null && type !== FUSE && network === undefined;
}

/** The nearest directory above a path that is there. */
function nearest(host: Host, directory: string): string {
  const parent = path.dirname(directory);
  const found = host.files.look(parent);
  if (found === null && parent !== directory) return nearest(host, parent);
  if (found?.kind === 'directory' || found?.kind === 'link') return parent;
  // Without a path of its own: the message is about the store.
  throw systemError('ENOTDIR', `not a directory, '${parent}'`);
}

/** What is at a path, which must be a directory. */
export function directoryAt(host: Host, directory: string): FileFacts {
  const facts = host.files.look(directory);
  if (facts === null) throw goneError(directory);
  if (facts.kind === 'link') throw refusal(directory, 'it is a symbolic link');
  if (facts.kind !== 'directory') throw refusal(directory, 'it is not a directory');
  return facts;
}

/** What an open directory is. (On Windows there are no descriptors of directories.) */
export function factsOf(host: Host, directory: string, { fd }: OpenDirectory): FileFacts {
  return fd === -1 ? directoryAt(host, directory) : host.files.facts(fd);
}

export function modeText(facts: FileFacts): string {
  return `0${facts.mode.toString(8)}`;
}

export function refusal(directory: string, why: string): StoreError {
  return new StoreError(
    'STORE_UNSAFE',
    `the store ${directory} cannot be trusted: ${why}. Nothing was changed. Fix that, or choose another store ({ store } or $LOCKSTEP_DIR).`,
    {
      operation: 'open',
      path: directory,
    },
  );
}

function goneError(path: string): Error {
  return systemError('ENOENT', 'it is gone', { path });
}

function guard<T>(directory: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw storeErrorOf(error, { operation: 'open the store', path: directory });
  }
}
