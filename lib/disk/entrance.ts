import type { JournalRecord } from '../journal/record.ts';
import { type RecordBytes, RecordTemplate } from '../journal/record-template.ts';
import { MAX_ENTRIES } from '../line/config.ts';
import { isJoined, type Joined, type Outcome } from '../line/outcome.ts';
import type { Presence } from '../session/session-file.ts';
import { lineFull } from '../store/line-full.ts';
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
  /** Of the last record that joined. Mostly they are the same every time. */
  #last = { verb: '', ask: 0, label: '' };
  #template: RecordTemplate | null = null;

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** Joins the line, to hold or to wait. Refused only by a broken barrier. @throws {StoreError} */
  enter(request: Request): DiskEntry {
    const { line } = this.#options.ledger;
    const own = this.#enter('enter', request);
    // A barrier that was broken where the record stands may have been reset since. Its line is never full.
    if (own.state === 'refused' && !line.waitsForAll && !line.isClosed)
      throw lineFull(this.#options.resource.name, this.#options.directory, MAX_ENTRIES);
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
    if (own.state === 'refused') throw lineFull(this.#options.resource.name, this.#options.directory, MAX_ENTRIES);
    return own;
  }

  #enter(verb: 'enter' | 'try', { ask, label }: Request): DiskEntry {
    const { ledger, presence } = this.#options;
    const { session } = presence;
    const id = ledger.nextId();
    const at = ledger.now();
    const record: JournalRecord = [verb, id, session.wire, ask, at, label];
    const text = this.#templateFor(verb, ask, label)?.fill(session.records, at) ?? JSON.stringify(record);
    return this.#join(id, record, text);
  }

  /** The template of such records, from the second in a row on. */
  #templateFor(verb: string, ask: number, label: string): RecordTemplate | null {
    const last = this.#last;
    if (verb !== last.verb || ask !== last.ask || label !== last.label) {
      this.#last = { verb, ask, label };
      this.#template = null;
      return null;
    }
    const { key, factsJson } = this.#options.presence.session;
    // A key has nothing that needs quoting.
    this.#template ??= new RecordTemplate(
      `["${verb}","${key}:`,
      `",${factsJson},${ask},`,
      `,${JSON.stringify(label)}]`,
    );
    return this.#template;
  }

  /** Appends a record that joins. Returns our part in the entry that it made, refused if it made none. */
  #join(id: string, record: JournalRecord, text: string | RecordBytes): DiskEntry {
    const { resource, ledger, own } = this.#options;
    const joined = joinedBy(this.#append(id, record, text));
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

  #append(id: string, record: JournalRecord, text: string | RecordBytes): Outcome {
    try {
      return this.#options.ledger.append(record, text);
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
}

function joinedBy(outcome: Outcome): Joined | null {
  return isJoined(outcome) ? outcome : null;
}
