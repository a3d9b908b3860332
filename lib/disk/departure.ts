import type { JournalRecord } from '../journal/record.ts';
import { RecordTemplate } from '../journal/record-template.ts';
import type { Entry, Eviction } from '../line/entry.ts';
import type { Session } from '../session/session.ts';
import type { Clock } from '../time/clock.ts';
import { AbandonedEntries } from './abandoned-entries.ts';
import type { DiskEntry } from './disk-entry.ts';
import type { Ledger } from './ledger.ts';
import type { OwnEntries } from './own-entries.ts';

export interface DepartureOptions {
  clock: Clock;
  session: Session;
  ledger: Ledger;
  own: OwnEntries;
  /** As of `AbandonedEntries`. */
  claim: (stray: Entry) => DiskEntry | null;
}

/** How entries go out of a resource's line: each by one record, after which others hold. */
export class Departure {
  readonly #ledger: Ledger;
  readonly #own: OwnEntries;
  readonly #session: Session;
  /** Those whose end could not be written yet. */
  readonly abandoned: AbandonedEntries;
  #leaveText: RecordTemplate | null = null;

  constructor({ clock, session, ledger, own, claim }: DepartureOptions) {
    this.#session = session;
    this.#ledger = ledger;
    this.#own = own;
    this.abandoned = new AbandonedEntries({
      ...{ clock, own, claim },
      refresh: () => ledger.refreshInPlace(),
      end: (entry, passOn) => this.#end(entry, passOn),
    });
  }

  /** An entry of ours gives back what it has, or its place. */
  leave(own: DiskEntry): void {
    const ledger = this.#ledger;
    if (ledger.isGone() || !this.#own.has(own)) return;
    const id = ledger.nextId();
    const at = ledger.now();
    // A key has nothing that needs quoting.
    this.#leaveText ??= new RecordTemplate(`["leave","${this.#session.key}:`, '",', ',', ']');
    const text = this.#leaveText.fill(this.#session.records, own.ticket, at);
    ledger.unlessOver(null, () => ledger.append(['leave', id, own.ticket, at], text));
    ledger.settle(true);
  }

  /** The same of one that has taken an item of a queue: the item ends with it. */
  done(own: DiskEntry): void {
    const ledger = this.#ledger;
    if (ledger.isGone() || !this.#own.has(own)) return;
    ledger.unlessOver(null, () => ledger.append(['done', ledger.nextId(), own.ticket, ledger.now()]));
    ledger.settle(true);
  }

  /** Ends an entry of any owner. False if there is none. */
  evict(ticket: number, { reason, by }: Eviction): boolean {
    const ledger = this.#ledger;
    ledger.refresh();
    if (!ledger.line.find(ticket)) return false;
    const record: JournalRecord = ['evict', ledger.nextId(), ticket, ledger.now(), 0, reason, by];
    return ledger.unlessOver(null, () => ledger.write(record, true)) !== null;
  }

  /** As `Store.abandon`. */
  abandon(own: DiskEntry, passOn: Eviction | null): void {
    try {
      this.#end(own, passOn);
    } catch (error) {
      this.abandoned.add(own, passOn);
      throw error;
    }
  }

  #end(own: DiskEntry, passOn: Eviction | null): void {
    if (passOn === null || own.state !== 'holding') this.leave(own);
    else if (!this.#ledger.isGone() && this.#own.has(own)) this.evict(own.ticket, passOn);
  }
}
