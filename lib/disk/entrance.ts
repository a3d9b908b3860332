import { StoreError } from '../errors.ts';
import type { JournalRecord } from '../journal/record.ts';
import { MAX_ENTRIES } from '../line/config.ts';
import type { Joined, Outcome } from '../line/outcome.ts';
import type { Presence } from '../session/session-file.ts';
import type { Request } from '../store/store.ts';
import type { AbandonedEntries } from './abandoned-entries.ts';
import type { DeadEntries } from './dead-entries.ts';
import { DiskEntry, type EntryResource } from './disk-entry.ts';
import type { Ledger } from './ledger.ts';
import type { OwnEntries } from './own-entries.ts';

/** How often a `try` is repeated after it evicted all the dead in its way: meanwhile more may have died. */
const MAX_TRIES = 3;

export interface EntranceOptions {
  resource: EntryResource;
  presence: Presence;
  ledger: Ledger;
  own: OwnEntries;
  dead: DeadEntries;
  abandoned: AbandonedEntries;
  /** The resource's directory, for messages. */
  directory: string;
}

/** How entries of ours join a resource's line: each by one record, which the fold admits, queues, or refuses. */
export class Entrance {
  readonly #options: EntranceOptions;
  #label = '';
  #labelJson = '""';

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** Joins the line, to hold or to wait. Refused only by a broken barrier. @throws {StoreError} */
  enter(request: Request): DiskEntry {
    const { line } = this.#options.ledger;
    const own = this.#enter('enter', request);
    // A barrier that was broken where the record stands may have been reset since. Its line is never full.
    if (own.state === 'refused' && !line.waitsForAll && !line.isClosed) throw this.#fullError();
    return own;
  }

  /** Joins only if the entry holds at once; the dead in its way are evicted first. */
  tryEnter(request: Request): DiskEntry {
    const { ledger, dead, resource } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      ledger.refresh();
      // A record in vain would only make the journal longer for everybody.
      if (ledger.line.wouldGrant(request.ask)) {
        const entry = this.#enter('try', request);
        if (entry.state !== 'refused') return entry;
      }
      if (!dead.expelInWayOf(request.ask)) break;
    }
    return new DiskEntry(resource, null);
  }

  /** Takes the lock from all its holders. @throws {StoreError} */
  steal({ label }: Request): DiskEntry {
    const { ledger, presence } = this.#options;
    const id = ledger.nextId();
    const record: JournalRecord = ['steal', id, presence.session.wire, ledger.now(), label];
    const own = this.#join(id, record, JSON.stringify(record));
    if (own.state === 'refused') throw this.#fullError();
    return own;
  }

  #enter(verb: 'enter' | 'try', { ask, label }: Request): DiskEntry {
    const { ledger, presence } = this.#options;
    const { session } = presence;
    const id = ledger.nextId();
    const at = ledger.now();
    const json = `["${verb}","${id}",${session.factsJson},${ask},${at},${this.#quoted(label)}]`;
    return this.#join(id, [verb, id, session.wire, ask, at, label], json);
  }

  /** Appends a record that joins. Returns our part in the entry that it made, refused if it made none. */
  #join(id: string, record: JournalRecord, json: string): DiskEntry {
    const { resource, ledger, own } = this.#options;
    const joined = joinedBy(this.#append(id, record, json));
    // If the entry is not there any more, another session ended it right behind our record: `settle` reports that.
    const entry = new DiskEntry(resource, joined && { ...joined, entry: ledger.present(joined.entry) });
    if (joined) own.add(entry);
    try {
      ledger.settle(joined !== null && joined.others > 0);
    } catch (error) {
      // The caller gets no entry, so nothing else would ever end it.
      this.#abandonQuietly(entry);
      throw error;
    }
    return entry;
  }

  #append(id: string, record: JournalRecord, json: string): Outcome {
    try {
      return this.#options.ledger.append(record, json);
    } catch (error) {
      // After any error the record may be in the journal, and the caller gets no entry.
      this.#options.abandoned.addUnsure(id);
      throw error;
    }
  }

  #abandonQuietly(entry: DiskEntry): void {
    try {
      this.#options.resource.abandon(entry);
    } catch {
      // It is tried again.
    }
  }

  /** A label as JSON. Mostly it is the same one every time. */
  #quoted(label: string): string {
    if (label !== this.#label) {
      this.#label = label;
      this.#labelJson = JSON.stringify(label);
    }
    return this.#labelJson;
  }

  #fullError(): StoreError {
    const { resource, directory } = this.#options;
    return new StoreError(
      'STORE_BUSY',
      `${resource.name}: its line is full (${MAX_ENTRIES.toLocaleString('en')} entries). Try again when it is shorter.`,
      { operation: 'acquire', resource: resource.name, path: directory },
    );
  }
}

function joinedBy(outcome: Outcome): Joined | null {
  return typeof outcome === 'object' ? outcome : null;
}
