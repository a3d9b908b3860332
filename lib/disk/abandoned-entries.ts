import type { Entry, Eviction } from '../line/entry.ts';
import type { Clock } from '../time/clock.ts';
import type { DiskEntry } from './disk-entry.ts';
import type { OwnEntries } from './own-entries.ts';

/** How often the cleanup is tried again. */
const CLEANUP_INTERVAL_MS = 1_000;

export interface AbandonedEntriesOptions {
  clock: Clock;
  own: OwnEntries;
  /** Reads the journal to its end. */
  refresh: () => void;
  /** Writes an entry's end: it leaves, or is evicted. */
  end: (own: DiskEntry, passOn: Eviction | null) => void;
  /** Our part in an entry that is in the line, if it is still there. */
  claim: (stray: Entry) => DiskEntry | null;
}

/**
 * Entries of ours that no caller will release, and whose end could not be written: a full disk, or a joining record
 * that was reported as failed and is in the journal all the same. Their end is tried again, before the next entry
 * of ours joins and once a second, until it is written or the process ends.
 */
export class AbandonedEntries {
  readonly #options: AbandonedEntriesOptions;
  /** With the reason to evict each for; null: it leaves. */
  readonly #entries = new Map<DiskEntry, Eviction | null>();
  #isScheduled = false;

  constructor(options: AbandonedEntriesOptions) {
    this.#options = options;
  }

  add(own: DiskEntry, passOn: Eviction | null): void {
    this.#entries.set(own, passOn);
    this.#scheduleCleanup();
  }

  /** The joining record with this id could not be written; if it made an entry all the same, that is abandoned. */
  addUnsure(id: string): void {
    this.#options.own.suspect(id);
    this.#scheduleCleanup();
  }

  /** Ends them all. An end that cannot be written now is tried again later. */
  flush(): void {
    const { own, refresh, end, claim } = this.#options;
    if (this.#entries.size === 0 && !own.isUnsure) return;
    try {
      refresh();
      for (const stray of own.takeStrays()) {
        const claimed = claim(stray);
        if (claimed) this.#entries.set(claimed, null);
      }
      for (const [entry, passOn] of this.#entries) {
        end(entry, passOn);
        this.#entries.delete(entry);
      }
    } catch {
      this.#scheduleCleanup();
    }
  }

  #scheduleCleanup(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.clock.timer(CLEANUP_INTERVAL_MS, false, () => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
