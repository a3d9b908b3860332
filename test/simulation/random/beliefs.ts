import { Violation } from '../invariants.ts';
import type { Ledger } from './ledger.ts';
import { weightOf } from './plain-line.ts';
import type { Told } from './wire.ts';

interface Held {
  readonly ticket: number;
  readonly ask: number;
}

/** What one process has written and read, seen from outside. */
class Mind {
  readonly name: string;
  /** By resource: what it believes to hold, and what it must know of its entries since it last read. */
  readonly holds = new Map<string, Held>();
  /** By queue: what it has taken, and neither done nor given back. */
  readonly takes = new Map<string, { ticket: number; item: string }>();
  readonly knows = new Map<string, ReadonlyMap<number, number>>();
  /** By resource: the ids of the records that it has written since it began what it does now. */
  readonly written = new Map<string, string[]>();
  /** By resource: the keys of the sessions that it must poke before it is done. */
  readonly owes = new Map<string, Set<string>>();

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * What the processes believe, held against one another and against what the files say.
 * @throws {Violation}
 */
export class Beliefs {
  readonly #ledgers: ReadonlyMap<string, Ledger>;
  readonly #minds = new Map<string, Mind>();
  readonly #arrived = new Map<string, number>();
  readonly #passed = new Map<string, number>();
  /** What counters come to by what those who added say. */
  readonly #sums = new Map<string, { sum: number; isCertain: boolean }>();
  readonly #lastHeld = new Map<string, number>();

  constructor(ledgers: ReadonlyMap<string, Ledger>) {
    this.#ledgers = ledgers;
  }

  born(key: string): void {
    this.#minds.set(key, new Mind(key));
  }

  /** What the dead believed matters no more. */
  died(key: string): void {
    const mind = this.#minds.get(key);
    for (const [name, ids] of mind?.written ?? []) {
      // It may have added without having said so.
      if (ids.length > 0) this.#sumOf(name).isCertain = false;
    }
    this.#minds.delete(key);
  }

  /** It has come to its end by itself. */
  ended(key: string): void {
    for (const name of this.#mind(key).owes.keys()) this.#hearsDone(this.#mind(key), name);
    this.#minds.delete(key);
  }

  /** It has written a record into a journal, whether it counts or not; the ledger has read it by now. */
  wrote(key: string, name: string, id: string): void {
    const mind = this.#mind(key);
    const ids = mind.written.get(name) ?? [];
    if (!ids.includes(id)) ids.push(id);
    mind.written.set(name, ids);
    const deed = this.#ledger(name).deeds.get(id);
    // Others may have added since, or not have said yet that they did.
    if (deed?.verb === 'forget') this.#sumOf(name).isCertain = false;
    // Whoever sweeps up leftovers has seen that they are dead.
    if (!deed || deed.verb === 'sweep') return;
    const owes = mind.owes.get(name) ?? new Set();
    mind.owes.set(name, owes);
    for (const { owners } of [...deed.granted, ...deed.ended]) {
      if (owners[0]?.key !== key) for (const owner of owners) owes.add(owner.key);
    }
  }

  poked(key: string, path: string): void {
    const session = path.slice(path.lastIndexOf('-') + 1);
    for (const owes of this.#mind(key).owes.values()) owes.delete(session);
  }

  /** It has read all that its journal says. Is that not the highest, it has yet to move on. */
  read(key: string, name: string, isHighest: boolean): void {
    if (!isHighest) {
      this.#mind(key).knows.delete(name);
      return;
    }
    const known = new Map<number, number>();
    for (const { ticket, token, owners } of this.#ledger(name).line?.entries ?? []) {
      if (owners[0]?.key === key) known.set(ticket, token);
    }
    this.#mind(key).knows.set(name, known);
  }

  hears(key: string, told: Told): void {
    const mind = this.#mind(key);
    switch (told.it) {
      case 'arrives':
        this.#arrived.set(told.at, (this.#arrived.get(told.at) ?? 0) + 1);
        break;
      case 'joined':
        this.#hearsJoined(mind, told.at, told.ticket);
        break;
      case 'is refused':
        for (const id of mind.written.get(told.at) ?? []) {
          if (this.#ledger(told.at).deeds.get(id)?.joined) this.#lie(mind, told, `record ${id} joined the line`);
        }
        break;
      case 'holds':
        this.#hearsHolds(mind, told);
        break;
      case 'has taken':
        this.#hearsItem(mind, told);
        break;
      case 'has done all':
        this.#hearsDoneAll(told.at);
        break;
      case 'sees':
        this.#hearsSees(mind, told);
        break;
      case 'leaves':
        mind.holds.delete(told.at);
        mind.takes.delete(told.at);
        break;
      case 'has ended':
        this.#hearsEnded(mind, told);
        break;
      case 'has passed':
        this.#hearsPassed(mind, told);
        break;
      case 'has acted':
        this.#hearsActed(mind, told);
        break;
      case 'has forgotten':
        this.#hearsForgotten(mind, told);
        break;
      case 'has read':
        this.#hearsRead(mind, told);
        break;
      case 'failed':
        this.#hearsFailed(mind, told);
        break;
      case 'is done':
        this.#hearsDone(mind, told.at);
    }
  }

  #hearsJoined(mind: Mind, at: string, ticket: number): void {
    const deeds = (mind.written.get(at) ?? []).map((id) => this.#ledger(at).deeds.get(id));
    const joined = deeds.findLast((deed) => deed?.joined)?.joined;
    if (joined?.ticket !== ticket) throw new Violation(`${mind.name} has ticket ${ticket}, which is lost`);
  }

  #hearsHolds(mind: Mind, { at, ticket, token, ask }: Told & { it: 'holds' }): void {
    const ledger = this.#ledger(at);
    if (ledger.tokens.get(ticket) !== token)
      throw new Violation(`${mind.name} believes in token ${token}, and ticket ${ticket} was given none such`);
    if (ledger.line?.kind !== 'lock' && ledger.line?.kind !== 'semaphore') return;
    mind.holds.set(at, { ticket, ask });
    if (ledger.hasEnded(ticket)) return;
    const entries = ledger.line.entries;
    const overtaken = entries.slice(0, entries.indexOf(ledger.entryOf(ticket) as never)).find((one) => one.token === 0);
    if (overtaken) throw new Violation(`${mind.name} holds, and ticket ${overtaken.ticket} before it still waits`);
    this.#checkHolders(at, ledger);
    // Of permits that several can have, they may learn in another order than they were let in.
    if (ledger.line.permits > 1 || ask === 0) return;
    const last = this.#lastHeld.get(at) ?? 0;
    if (token <= last) throw new Violation(`${mind.name} holds with token ${token}, after token ${last}`);
    this.#lastHeld.set(at, token);
  }

  /** Whoever believes that it holds does so with the others that do, but for those who were ended unheard. */
  #checkHolders(at: string, ledger: Ledger): void {
    const holders: string[] = [];
    let sum = 0;
    for (const mind of this.#minds.values()) {
      const held = mind.holds.get(at);
      if (!held || ledger.hasEnded(held.ticket)) continue;
      sum += weightOf(held.ask);
      holders.push(`${mind.name} ${held.ask}`);
    }
    const most = ledger.line?.permits ?? 0;
    if (sum > most) throw new Violation(`${at}: of ${most} permits there are held: ${holders.join(', ')}`);
  }

  /** It has what its ticket was given; and nobody else who lives has the same, but for one that was ended unheard. */
  #hearsItem(mind: Mind, told: Told & { it: 'has taken' }): void {
    const { at, ticket, item } = told;
    const ledger = this.#ledger(at);
    if (ledger.taken.get(ticket) !== item) this.#lie(mind, told, `its ticket was given ${ledger.taken.get(ticket)}`);
    const [sequence] = JSON.parse(item);
    for (const other of this.#minds.values()) {
      const its = other.takes.get(at);
      if (!its || ledger.hasEnded(its.ticket) || JSON.parse(its.item)[0] !== sequence) continue;
      throw new Violation(`${at}: item ${sequence} was taken by ${other.name} and by ${mind.name}`);
    }
    if (!ledger.hasEnded(ticket)) mind.takes.set(at, { ticket, item });
  }

  #hearsDoneAll(at: string): void {
    const left = this.#ledger(at).line?.items.unfinished ?? [];
    if (left.length > 0) throw new Violation(`${at}: ${left.length} items are left at the end`);
  }

  /** What it makes of what it read last. */
  #hearsSees(mind: Mind, { at, ticket, token, state }: Told & { it: 'sees' }): void {
    const line = mind.knows.get(at);
    if (!line || state === 'handed over') return;
    const known = line.get(ticket);
    const should = known === undefined ? 'ended' : known > 0 ? 'holding' : 'waiting';
    const is = state === 'holding' || state === 'waiting' ? state : 'ended';
    if (is === should && (is !== 'holding' || token === known)) return;
    throw new Violation(
      `${mind.name} believes that its ticket ${ticket} is ${state}, and has read that it is ${should}`,
    );
  }

  #hearsEnded(mind: Mind, told: Told & { it: 'has ended' }): void {
    mind.holds.delete(told.at);
    mind.takes.delete(told.at);
    if (told.state === 'handed over') return;
    if (told.state === 'waiting' || told.state === 'holding') this.#lie(mind, told, 'it has given up leaving');
    if (!this.#ledger(told.at).hasEnded(told.ticket)) this.#lie(mind, told, 'it is still in line');
  }

  #hearsPassed(mind: Mind, { at, ticket, place }: Told & { it: 'has passed' }): void {
    const ledger = this.#ledger(at);
    if (!ledger.tokens.has(ticket)) throw new Violation(`${mind.name} has passed ${at} without having been let in`);
    if (ledger.line?.kind !== 'barrier') return;
    const parties = ledger.line.permits;
    if (place >= parties) throw new Violation(`${mind.name} has passed ${at} as number ${place} of ${parties}`);
    const passed = (this.#passed.get(at) ?? 0) + 1;
    this.#passed.set(at, passed);
    const arrived = this.#arrived.get(at) ?? 0;
    if (passed > arrived - (arrived % parties))
      throw new Violation(`${at}: ${passed} have passed, and ${arrived} have come, where ${parties} must meet`);
  }

  #hearsActed(mind: Mind, told: Told & { it: 'has acted' }): void {
    const { at, verb, by, outcome } = told;
    const ledger = this.#ledger(at);
    const deeds = (mind.written.get(at) ?? []).map((id) => ledger.deeds.get(id)).filter((deed) => deed?.verb === verb);
    const isAs = deeds.length === 1 && JSON.stringify(deeds[0]?.outcome) === JSON.stringify(outcome);
    if (!isAs) this.#lie(mind, told, `the files have ${JSON.stringify(deeds.map((deed) => deed?.outcome))}`);
    if (verb === 'take') this.#hearsTaken(told);
    else if (verb === 'load') this.#sumOf(at).isCertain = false;
    else this.#sumOf(at).sum += by;
  }

  #hearsTaken({ at, by, outcome }: Told & { it: 'has acted' }): void {
    if (typeof outcome !== 'object' || outcome === null || !('isRepeat' in outcome)) return;
    // Of a repeat the first has said so, or died; then the sum is not certain.
    if (!outcome.isRepeat) this.#sumOf(at).sum -= by;
  }

  /** Another one may have forgotten it at the same moment; but whoever is told that it is in use has not. */
  #hearsForgotten(mind: Mind, told: Told & { it: 'has forgotten' }): void {
    const deeds = (mind.written.get(told.at) ?? []).map((id) => this.#ledger(told.at).deeds.get(id));
    const isDone = deeds.some((deed) => deed?.verb === 'forget' && deed.outcome === 1);
    if (isDone && told.outcome !== 'forgotten') this.#lie(mind, told, 'its record counts');
  }

  #hearsRead(mind: Mind, told: Told & { it: 'has read' }): void {
    const { line } = this.#ledger(told.at);
    if (line?.value !== told.value) this.#lie(mind, told, `the files come to ${line?.value}`);
    const { sum, isCertain } = this.#sumOf(told.at);
    if (line.kind === 'counter' && isCertain && sum !== told.value) this.#lie(mind, told, `all have added ${sum}`);
  }

  /** A call that failed has done nothing. */
  #hearsFailed(mind: Mind, told: Told & { it: 'failed' }): void {
    const { at, verb } = told;
    const deeds = (mind.written.get(at) ?? []).flatMap((id) => this.#ledger(at).deeds.get(id) ?? []);
    const isDone =
      verb === 'join'
        ? deeds.some(({ joined }) => joined)
        : deeds.some((deed) => deed.verb === verb && (verb !== 'forget' || deed.outcome === 1));
    if (isDone) this.#lie(mind, told, 'its record counts all the same');
    mind.owes.delete(at);
    // What it read meanwhile it may not have acted upon.
    mind.knows.delete(at);
  }

  #hearsDone(mind: Mind, at: string): void {
    mind.written.set(at, []);
    const owes = [...(mind.owes.get(at) ?? [])];
    mind.owes.delete(at);
    if (owes.length > 0) throw new Violation(`${mind.name} has poked nobody of ${owes.join(', ')} at ${at}`);
  }

  #sumOf(name: string): { sum: number; isCertain: boolean } {
    const sum = this.#sums.get(name) ?? { sum: 0, isCertain: true };
    this.#sums.set(name, sum);
    return sum;
  }

  #lie(mind: Mind, told: Told, but: string): never {
    throw new Violation(`${mind.name} says ${JSON.stringify(told)}, but ${but}`);
  }

  #mind(key: string): Mind {
    const mind = this.#minds.get(key);
    if (mind) return mind;
    throw new Error(`${key} was not born`);
  }

  #ledger(name: string): Ledger {
    const ledger = this.#ledgers.get(name);
    if (ledger) return ledger;
    throw new Error(`${name} has no ledger`);
  }
}
