import { DiskStore } from '../disk/disk-store.ts';
import { readOnlyGuardedHost, readOnlyHost } from '../disk/read-only-host.ts';
import { openStoreDirectory, storePath } from '../disk/store-directory.ts';
import { StoreError } from '../errors.ts';
import type { FileFacts } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { newestJournal } from '../journal/epoch-files.ts';
import { Session } from '../session/session.ts';
import { encodeName } from '../store/name.ts';
import type { LineView } from '../store/store.ts';

/** Identifies a journal and its state: it differs once the journal has grown or was replaced. */
export type JournalMark = Pick<FileFacts, 'inode' | 'size'>;

export interface StoreMark {
  text: string;
  /** Whether any later change is sure to give another mark. */
  isSettled: boolean;
}

/** A file system's clock advances in steps of some ms: two changes within a step give one time. */
const SETTLED_MS = 100;

/**
 * A read-only view of a store: it makes, repairs and rotates nothing, evicts no entry, and makes no store. The store
 * may appear and disappear meanwhile. Root may look at any user's.
 */
export class StoreView {
  readonly place: string;
  #disk: DiskStore | null = null;
  #inode = 0;

  constructor(directory?: string) {
    this.place = storePath(readOnlyHost, directory);
  }

  get resources(): string {
    return `${this.place}/resources`;
  }

  directoryOf(name: string): string {
    return `${this.resources}/${encodeName(name)}`;
  }

  /**
   * Changes when a name is added or removed; null if there is no store, or nothing was ever in it.
   *
   * @throws {StoreError} if the store may not be looked at
   */
  mark(): StoreMark | null {
    const facts = this.#look(this.resources);
    if (facts === null) return null;
    const ageMs = readOnlyHost.clock.wallMicros() / 1_000 - facts.modifiedMs;
    return { text: `${facts.inode} ${facts.modifiedMs}`, isSettled: ageMs > SETTLED_MS };
  }

  /** Empty if there is no store. @throws {StoreError} if it cannot be read or trusted */
  names(): string[] {
    return unlessGone([], () => this.#open().names());
  }

  /**
   * The line as it is now, or null if there is none.
   *
   * @throws {StoreError} if it cannot be read
   */
  snapshot(name: string): LineView | null {
    return unlessGone(null, () => this.#open().snapshot(name));
  }

  /** The same of several, in their order. @throws {StoreError} as `snapshot` */
  snapshots(names: readonly string[]): Array<LineView | null> {
    return names.map((name) => this.snapshot(name));
  }

  /** The path of the newest journal, or null if there is none. */
  journalOf(name: string): string | null {
    return newestJournal(readOnlyHost.files, this.directoryOf(name));
  }

  markOf(journal: string): JournalMark | null {
    return readOnlyHost.files.look(journal);
  }

  /** @throws the system's error: no watch is left, or nothing is there */
  watch(path: string, onChange: () => void): () => void {
    return readOnlyHost.files.watch(path, onChange);
  }

  #look(path: string): FileFacts | null {
    try {
      return readOnlyHost.files.look(path);
    } catch (error) {
      // Whose store it is says more than that this path may not be looked at.
      this.#directory();
      throw storeErrorOf(error, { operation: 'open the store', path: this.place });
    }
  }

  #directory(): StoreDirectory {
    return openStoreDirectory(readOnlyHost, this.place, { looks: true });
  }

  #open(): DiskStore {
    const inode = this.#look(this.place)?.inode ?? 0;
    if (this.#disk && inode === this.#inode) return this.#disk;
    // Another process may have made the store since then, with other rights.
    const directory = this.#directory();
    const host = directory.guarded ? readOnlyGuardedHost : readOnlyHost;
    this.#disk ??= new DiskStore({ host, session: new Session(host), directory, readOnly: true });
    this.#inode = inode;
    return this.#disk;
  }
}

function unlessGone<T>(instead: T, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_GONE') return instead;
    throw error;
  }
}
