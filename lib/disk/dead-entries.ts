import type { Host } from '../host/host.ts';
import type { Entry } from '../line/entry.ts';
import type { Line } from '../line/line.ts';
import { weightOf } from '../line/weight.ts';
import type { Owner } from '../session/facts.ts';
import type { Judge } from '../session/liveness.ts';
import type { Presence } from '../session/session-file.ts';
import type { Ledger } from './ledger.ts';

/** How many are judged in one go, unless the caller gives a number. */
const JUDGED_AT_ONCE = 64;

export interface DeadEntriesOptions {
  host: Host;
  presence: Presence;
  judge: Judge;
  ledger: Ledger;
}

/** The entries of a line whose owners are gone. Every session that finds one evicts it by itself. */
export class DeadEntries {
  readonly #options: DeadEntriesOptions;
  /** This many at the front were judged by the last calls, each of which judged as many as it may. */
  #from = 0;
  #judgedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeadEntriesOptions) {
    this.#options = options;
  }

  /** How long ago an entry was last judged here. */
  get sinceJudgedMs(): number {
    return this.#options.host.clock.monotonicMs() - this.#judgedAt;
  }

  /**
   * Evicts the dead that stand before a ticket (null: anywhere). True if there were any.
   * At most `most` are judged in one call; the next call goes on behind them.
   */
  expel(before: number | null, most = JUDGED_AT_ONCE): boolean {
    const { line } = this.#options.ledger;
    this.#judgedAt = this.#options.host.clock.monotonicMs();
    const judged: Entry[] = [];
    let skip = this.#from;
    const end = line.waitsForAll ? null : before;
    for (let entry = line.first; entry && entry.ticket !== end; entry = entry.next) {
      if (skip-- > 0) continue;
      if (judged.push(entry) === most) break;
    }
    const expelled = judged.filter((entry) => this.#expelIfDead(entry)).length;
    // Those behind the expelled have moved up.
    this.#from = judged.length < most ? 0 : this.#from + most - expelled;
    return expelled > 0;
  }

  /**
   * Evicts all the dead without whom an entry with this ask would hold at once. Ends with the first living entry that
   * leaves it no room: so a busy lock takes one judgement, however long its line is. True if there were any.
   */
  expelInWayOf(ask: number): boolean {
    const { host, ledger } = this.#options;
    this.#judgedAt = host.clock.monotonicMs();
    // In a queue any of the dead may have what the newcomer would take.
    const permits = ledger.line.items ? Number.POSITIVE_INFINITY : weightOf(ledger.line.config.permits);
    let room = permits - weightOf(ask);
    let expelled = false;
    for (const { ticket } of entriesOf(ledger.line)) {
      // An eviction reads what other sessions wrote meanwhile.
      const entry = ledger.line.find(ticket);
      if (!entry) continue;
      if (this.#expelIfDead(entry)) expelled = true;
      else room -= weightOf(entry.ask);
      if (room < 0) break;
    }
    return expelled;
  }

  expelAll(): void {
    this.#from = 0;
    this.expel(null, Number.POSITIVE_INFINITY);
  }

  /**
   * Ends the parties of an earlier run that all died at a barrier: they are no reason to break it for a newcomer. The
   * record names the last of them, so a living one that joins meanwhile is not meant.
   */
  sweepLeftovers(): void {
    const { ledger, judge } = this.#options;
    if (!ledger.line.waitsForAll) return;
    ledger.refresh();
    let last = 0;
    for (let entry = ledger.line.firstWaiting; entry; entry = entry.next) {
      if (!entry.owners.every((owner) => judge.whyDead(owner, entry.at) !== null)) return;
      last = entry.ticket;
    }
    if (last !== 0) ledger.write(['sweep', ledger.nextId(), ledger.now(), last], false);
  }

  #expelIfDead(entry: Entry): boolean {
    const { presence, ledger } = this.#options;
    const { key, facts } = presence.session;
    const [first] = entry.owners;
    if (first?.key === key && !first.relieved) return false;
    const owners = [...entry.owners];
    const reasons = this.#reasons(owners, entry.at);
    if (reasons.some((reason) => reason === null)) return false;
    const by = `pid ${facts.pid} on ${facts.host}`;
    const { ticket } = entry;
    ledger.write(['evict', ledger.nextId(), ticket, ledger.now(), owners.length, reasons.at(-1), by], true);
    return !ledger.line.find(ticket);
  }

  /**
   * Why each owner is dead, or null while it must be assumed alive. Ends with the first null, unless the others must be
   * looked at for their keepalives to be seen standing still.
   */
  #reasons(owners: readonly Owner[], at: number): Array<string | null> {
    const { judge } = this.#options;
    const reasons: Array<string | null> = [];
    for (const owner of owners) {
      const reason = judge.whyDead(owner, at);
      reasons.push(reason);
      if (reason === null && judge.judgesAtOnce) break;
    }
    return reasons;
  }
}

function entriesOf(line: Line): Entry[] {
  const entries = [];
  for (let entry = line.first; entry; entry = entry.next) entries.push(entry);
  return entries;
}
