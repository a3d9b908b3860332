import type { Config } from '../../../lib/line/config.ts';
import type { Answer } from '../../../lib/line/outcome.ts';
import { PlainItems } from './plain-items.ts';
import { PlainTakes } from './plain-takes.ts';

/** What a line is, as its header has it; written anew here, so that it can tell on `lib/line/line.ts`. */
export interface PlainEntry {
  readonly ticket: number;
  readonly id: string;
  readonly owners: PlainOwner[];
  readonly ask: number;
  readonly at: number;
  readonly label: string;
  /** 0 while it waits. */
  token: number;
  keeps: unknown[];
}

export interface PlainOwner {
  readonly key: string;
  readonly facts: unknown[];
  relieved: boolean;
}

/** What one record did. */
export interface Effects {
  joined: PlainEntry | null;
  /** Those who were let in, in their order; the newcomer too. */
  readonly granted: PlainEntry[];
  readonly ended: PlainEntry[];
  /** What an action came to. */
  outcome: Answer;
}

interface Header extends Config {
  name: string;
  last: number;
  token: number;
  value: number;
  entries: unknown[][];
  takes?: unknown;
  items?: unknown;
}

/** The rules of every kind of line in the plainest words, at whatever cost. */
export class PlainLine {
  readonly #name: string;
  readonly #config: Config;
  readonly entries: PlainEntry[];
  value: number;
  readonly takes: PlainTakes;
  readonly items: PlainItems;
  #last: number;
  #lastToken: number;
  #effects: Effects = noEffects();

  constructor(header: unknown) {
    const { name, kind, permits, last, token, value, entries, takes, items } = header as Header;
    this.#name = name;
    this.#config = { kind, permits };
    this.#last = last;
    this.#lastToken = token;
    this.value = value;
    this.takes = new PlainTakes(takes);
    this.items = new PlainItems(items);
    this.entries = entries.map(restored);
  }

  get kind(): string {
    return this.#config.kind;
  }

  get permits(): number {
    return this.#config.permits;
  }

  get lastToken(): number {
    return this.#lastToken;
  }

  get waiting(): PlainEntry[] {
    return this.entries.filter(({ token }) => token === 0);
  }

  find(ticket: unknown): PlainEntry | undefined {
    return this.entries.find((entry) => entry.ticket === ticket);
  }

  header(): string {
    const entries = this.entries.map((entry) => [
      entry.ticket,
      entry.id,
      entry.owners.map(({ key, facts, relieved }) => [key, facts, ...(relieved ? [true] : [])]),
      entry.ask,
      entry.at,
      entry.label,
      entry.token,
      ...entry.keeps,
    ]);
    const { kind, permits } = this.#config;
    return JSON.stringify({
      name: this.#name,
      kind,
      permits,
      last: this.#last,
      token: this.#lastToken,
      value: this.value,
      entries,
      ...this.takes.header(),
      ...this.items.header(this.entries.map(({ ticket }) => ticket)),
    });
  }

  apply(record: readonly unknown[]): Effects {
    this.#effects = noEffects();
    const [verb, id, ...rest] = record;
    if (verb === 'enter' || verb === 'try') this.#enter(String(id), rest, verb === 'try');
    else if (verb === 'steal') this.#steal(String(id), rest);
    else if (verb === 'leave') this.#leave(rest);
    else if (verb === 'done') this.#done(rest);
    else if (verb === 'put') this.#put(rest.slice(1));
    else if (verb === 'evict') this.#evict(rest);
    else if (verb === 'adopt') this.#adopt(rest);
    else if (verb === 'keep') this.#keep(rest);
    else if (verb === 'forget') this.#forget(rest[1]);
    else if (verb === 'take' || verb === 'load' || verb === 'trim')
      [this.#effects.outcome, this.value] = this.takes.apply(record, this.value);
    else this.#act(String(verb), rest[1] as number);
    return this.#effects;
  }

  #enter(id: string, [facts, ask, at, label]: unknown[], onlyIfGranted: boolean): void {
    if (this.kind === 'counter' || (this.kind === 'barrier' && this.value === 1)) return;
    const entry = this.#made(id, [facts, ask, at, label]);
    this.entries.push(entry);
    const gets = this.kind === 'queue' ? this.items.queued > 0 : this.#fitting().includes(entry);
    if (onlyIfGranted && !gets) {
      this.entries.pop();
      return;
    }
    this.#last = entry.ticket;
    this.#effects.joined = entry;
    if (this.kind === 'event' && this.value === 1) this.#grant([entry]);
    else if (this.kind === 'queue') this.#giveItems();
    else if (this.kind !== 'barrier') this.#grantFitting();
    else if (this.waiting.length === this.permits) this.#grant(this.waiting);
  }

  #steal(id: string, [facts, at, label]: unknown[]): void {
    const thief = this.#made(id, [facts, 1, at, label]);
    this.#last = thief.ticket;
    for (const entry of this.entries.filter(({ token }) => token > 0)) this.#end(entry);
    this.entries.unshift(thief);
    this.#effects.joined = thief;
    this.#grant([thief]);
  }

  #put(rest: unknown[]): void {
    this.#effects.outcome = this.items.put(rest);
    this.#giveItems();
  }

  #done([ticket]: unknown[]): void {
    const entry = this.find(ticket);
    if (!entry || entry.token === 0) return;
    this.#end(entry, true);
  }

  /** Whoever waits gets what is queued, one after the other. */
  #giveItems(): void {
    for (const entry of this.waiting) if (this.items.give(entry.ticket)) this.#grant([entry]);
    this.value = this.items.queued;
  }

  #leave([ticket]: unknown[]): void {
    const entry = this.find(ticket);
    if (!entry) return;
    this.#end(entry);
    if (this.kind === 'queue') this.#giveItems();
    if (this.kind === 'barrier' && entry.token === 0) this.#break();
    this.#grantFitting();
  }

  #evict([ticket, , judged]: unknown[]): void {
    const entry = this.find(ticket);
    if (!entry || (judged !== 0 && judged !== entry.owners.length)) return;
    this.#end(entry);
    if (this.kind === 'barrier' && entry.token === 0) this.#break();
    if (this.kind === 'queue') this.#giveItems();
    if (this.kind === 'condition' && entry.token > 0) this.#grant(this.waiting.slice(0, 1));
    this.#grantFitting();
  }

  #adopt([ticket, , key, facts, relieves]: unknown[]): void {
    const entry = this.find(ticket);
    if (!entry) return;
    if (relieves) for (const owner of entry.owners) owner.relieved = true;
    entry.owners.push({ key: String(key), facts: facts as unknown[], relieved: false });
  }

  #keep([ticket, , held, waits]: unknown[]): void {
    const entry = this.find(ticket);
    if (entry) entry.keeps = (held as unknown[]).length > 0 || waits !== 0 ? [held, waits] : [];
  }

  #forget(seen: unknown): void {
    const isFree = this.entries.length === 0 && !this.takes.isLogging && this.items.queued === 0;
    this.#effects.outcome = isFree && seen === this.value ? 1 : null;
  }

  #act(verb: string, number: number): void {
    const { waiting } = this;
    this.#effects.outcome = waiting.length;
    if (verb === 'set') {
      this.value = 1;
      this.#grant(waiting);
    } else if (verb === 'clear') {
      this.value = 0;
      this.#effects.outcome = 0;
    } else if (verb === 'notify') {
      this.#effects.outcome = Math.min(number, waiting.length);
      this.#grant(waiting.slice(0, number));
    } else if (verb === 'abort') {
      this.#break();
    } else if (verb === 'reset') {
      this.value = 0;
      for (const entry of waiting) this.#end(entry);
    } else if (verb === 'sweep') {
      const leftover = waiting.filter(({ ticket, owners }) => ticket <= number && owners.length === 1);
      for (const entry of leftover) this.#end(entry);
      this.#effects.outcome = leftover.length;
    } else if (verb === 'add') {
      this.value += number;
      this.#effects.outcome = this.value;
    } else {
      this.#effects.outcome = null;
    }
  }

  #made(id: string, [facts, ask, at, label]: unknown[]): PlainEntry {
    const ticket = Math.max(this.#last + 1, at as number);
    const owners = [{ key: id.slice(0, id.indexOf(':')), facts: facts as unknown[], relieved: false }];
    return { ticket, id, owners, ask: ask as number, at: at as number, label: String(label), token: 0, keeps: [] };
  }

  /** The front of the line, as far as it fits into the permits. */
  #fitting(): PlainEntry[] {
    if (this.kind !== 'lock' && this.kind !== 'semaphore') return [];
    let room = this.permits;
    const beyond = this.entries.findIndex(({ ask }) => {
      room -= weightOf(ask);
      return room < 0;
    });
    return beyond === -1 ? this.entries : this.entries.slice(0, beyond);
  }

  #grantFitting(): void {
    this.#grant(this.#fitting().filter(({ token }) => token === 0));
  }

  #grant(entries: readonly PlainEntry[]): void {
    for (const entry of entries) {
      if (entry.ticket <= this.#lastToken) this.#last += 1;
      entry.token = entry.ticket > this.#lastToken ? entry.ticket : this.#last;
      this.#lastToken = entry.token;
      this.#effects.granted.push(entry);
    }
  }

  #break(): void {
    this.value = 1;
    for (const entry of this.waiting) this.#end(entry);
  }

  #end(entry: PlainEntry, isDone = false): void {
    this.items.ended(entry.ticket, isDone);
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.#effects.ended.push(entry);
  }
}

/** How much of the permits an entry takes. Of shared ones, which ask for 0, very many fit into one. */
export function weightOf(ask: number): number {
  return ask === 0 ? 2 ** -20 : ask;
}

function noEffects(): Effects {
  return { joined: null, granted: [], ended: [], outcome: null };
}

function restored([ticket, id, owners, ask, at, label, token, ...keeps]: unknown[]): PlainEntry {
  return {
    ticket: ticket as number,
    id: String(id),
    owners: (owners as unknown[][]).map(([key, facts, relieved]) => ({
      key: String(key),
      facts: facts as unknown[],
      relieved: relieved === true,
    })),
    ask: ask as number,
    at: at as number,
    label: String(label),
    token: token as number,
    keeps,
  };
}
