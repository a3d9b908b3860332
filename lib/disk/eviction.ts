import type { Host } from '../host/host.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { Entry } from '../line/entry.ts';
import type { Line } from '../line/line.ts';
import type { Judge } from '../session/liveness.ts';
import type { Presence } from '../session/session-file.ts';

/** How many are judged in one go, unless somebody says so. */
const JUDGED_AT_ONCE = 64;

/** A line, and how a record is written into its journal. */
export interface Ledger {
  /** As far as it was read. */
  line(): Line;
  /** `poke`: it may have let others in. @throws {StoreError} */
  write(record: JournalRecord, poke: boolean): void;
}

export interface DeadEntriesOptions {
  host: Host;
  presence: Presence;
  judge: Judge;
  ledger: Ledger;
}

/** The entries of a line whose owners are gone: found out, and evicted. Whoever finds them does it; they need nobody's help. */
export class DeadEntries {
  readonly #options: DeadEntriesOptions;
  /** So many at the front were judged by the last calls, each of which judged as many as it may. */
  #from = 0;
  #judgedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeadEntriesOptions) {
    this.#options = options;
  }

  /** How long ago somebody was last judged here. */
  get sinceJudgedMs(): number {
    return this.#options.host.clock.monotonicMs() - this.#judgedAt;
  }

  /**
   * Evicts the dead who stand before an entry (or anywhere). True if there were any.
   * At most `most` are judged in one call; the next call goes on behind them.
   */
  expel(before: number | null, most = JUDGED_AT_ONCE): boolean {
    const line = this.#options.ledger.line();
    this.#judgedAt = this.#options.host.clock.monotonicMs();
    const judged: Entry[] = [];
    let skip = this.#from;
    // A barrier waits for those behind as well.
    const end = line.config.kind === 'barrier' ? null : before;
    for (let entry = line.first; entry && entry.ticket !== end; entry = entry.next) {
      if (skip-- > 0) continue;
      if (judged.push(entry) === most) break;
    }
    const expelled = judged.filter((entry) => this.#expelIfDead(entry)).length;
    // Those behind the expelled have moved up.
    this.#from = judged.length < most ? 0 : this.#from + most - expelled;
    return expelled > 0;
  }

  expelAll(): void {
    this.#from = 0;
    this.expel(null, Number.POSITIVE_INFINITY);
  }

  /**
   * Parties of an earlier run that died at the barrier, with nobody alive among them, are no reason to break it for
   * those who come now. The record names the last of them, so one alive that joins meanwhile is not meant.
   */
  sweepBarrier(): void {
    const { ledger, judge } = this.#options;
    let last = 0;
    for (let entry = ledger.line().firstWaiting; entry; entry = entry.next) {
      if (!entry.owners.every((owner) => judge.whyDead(owner) !== null)) return;
      last = entry.ticket;
    }
    if (last !== 0) ledger.write(['sweep', this.#nextId(), this.#now(), last], false);
  }

  #expelIfDead(entry: Entry): boolean {
    const { presence, judge, ledger } = this.#options;
    const { key, facts } = presence.session;
    const [first] = entry.owners;
    if (first?.key === key && !first.relieved) return false;
    const reasons = entry.owners.map((owner) => judge.whyDead(owner));
    if (reasons.some((reason) => reason === null)) return false;
    const by = `pid ${facts.pid} on ${facts.host}`;
    ledger.write(['evict', this.#nextId(), entry.ticket, this.#now(), entry.owners.length, reasons.at(-1), by], true);
    for (const owner of entry.owners) presence.bury(owner);
    return true;
  }

  #nextId(): string {
    return this.#options.presence.session.nextId();
  }

  #now(): number {
    return this.#options.host.clock.wallMicros();
  }
}
