import { DiskStore } from '../disk/disk-store.ts';
import { readOnlyGuardedHost, readOnlyHost } from '../disk/read-only-host.ts';
import { openStoreDirectory, storePath } from '../disk/store-directory.ts';
import { StoreError } from '../errors.ts';
import type { FileFacts } from '../host/host.ts';
import { newestJournal } from '../journal/epoch-files.ts';
import { Session } from '../session/session.ts';
import { encodeName } from '../store/name.ts';
import type { LineView } from '../store/store.ts';

/** What tells a journal from the same one later, and from another one in its place. */
export type JournalMark = Pick<FileFacts, 'inode' | 'size'>;

export interface StoreMark {
  text: string;
  /** Whether a later change is sure to give another mark. */
  isSettled: boolean;
}

/** A file system's clock may stand still for some milliseconds: two changes then give one time. */
const SETTLED_MS = 100;

/**
 * A store as a bystander sees it: nothing in it is made, mended or moved on, nobody is evicted, and a store that is
 * not there stays so. It may come and go.
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

  /** What changes when a name is added or taken away; null if there is no store, or nothing was ever in it. */
  mark(): StoreMark | null {
    const facts = readOnlyHost.files.look(this.resources);
    if (facts === null) return null;
    const ageMs = readOnlyHost.clock.wallMicros() / 1_000 - facts.modifiedMs;
    return { text: `${facts.inode} ${facts.modifiedMs}`, isSettled: ageMs > SETTLED_MS };
  }

  /** @throws {StoreError} if it cannot be trusted, or read */
  names(): string[] {
    return this.#open().names();
  }

  /**
   * The line as it is now, or null if there is none.
   *
   * @throws {StoreError} if it cannot be read
   */
  snapshot(name: string): LineView | null {
    try {
      return this.#open().snapshot(name);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORE_GONE') return null;
      throw error;
    }
  }

  /** The path of the journal that counts, or null if there is none. */
  journalOf(name: string): string | null {
    return newestJournal(readOnlyHost.files, this.directoryOf(name));
  }

  markOf(journal: string): JournalMark | null {
    return readOnlyHost.files.look(journal);
  }

  /** @throws what the system says: too many watches, or nothing there */
  watch(path: string, onChange: () => void): () => void {
    return readOnlyHost.files.watch(path, onChange);
  }

  #open(): DiskStore {
    const inode = readOnlyHost.files.look(this.place)?.inode ?? 0;
    if (this.#disk && inode === this.#inode) return this.#disk;
    // Somebody else may have made it since, with other rights.
    const directory = openStoreDirectory(readOnlyHost, this.place);
    const host = directory.guarded ? readOnlyGuardedHost : readOnlyHost;
    this.#disk ??= new DiskStore({ host, session: new Session(host), directory, readOnly: true });
    this.#inode = inode;
    return this.#disk;
  }
}
