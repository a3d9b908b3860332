import type { Config } from '../../../lib/line/config.ts';
import { Violation } from '../invariants.ts';
import { Fates } from './plain-items.ts';
import { type Effects, type PlainEntry, PlainLine, weightOf } from './plain-line.ts';
import { Answers } from './plain-takes.ts';

/** What a record that counts did, for whoever wrote it. */
export interface Deed extends Effects {
  readonly verb: string;
}

/** Whether a session is gone, asked of the world and not of the library. */
export type IsGone = (facts: readonly unknown[]) => boolean;

/**
 * What one resource's files truly say, read byte by byte as they are written, without the code under test; and
 * what must hold of that alone. @throws {Violation}
 */
export class Ledger {
  readonly name: string;
  readonly #config: Config;
  readonly #isGone: IsGone;
  /** The highest epoch's number and inode; 0 before there is any. */
  epoch = 0;
  inode = '';
  isSealed = false;
  /** The resource was forgotten in the highest epoch, and has not been made anew. */
  isForgotten = false;
  line: PlainLine | null = null;
  /** Of all records that ever counted, by their ids. */
  readonly deeds = new Map<string, Deed>();
  /** The token that each ticket was given, and the tickets that are in the line no more. */
  readonly tokens = new Map<number, number>();
  readonly #ended = new Set<number>();
  /** Of a queue: the sequence and the text of what each ticket was given. */
  readonly taken = new Map<number, string>();
  #fates = new Fates();
  /** Of the takes since the name was made. */
  #answers = new Answers();
  #tail = '';
  #lastToken = 0;

  constructor({ name, ...config }: Config & { name: string }, isGone: IsGone) {
    this.name = name;
    this.#config = config;
    this.#isGone = isGone;
  }

  hasEnded(ticket: number): boolean {
    return this.#ended.has(ticket);
  }

  /** A journal's file was put in place. */
  linked(epoch: number, inode: string, text: string): void {
    // A lower one is a stray, made by a slow process: it matters only if somebody uses it.
    if (epoch <= this.epoch) return;
    if (epoch !== this.epoch + 1 && this.line && !this.isForgotten)
      throw new Violation(`${this.name}: epoch ${epoch} follows epoch ${this.epoch}`);
    const [first = '', ...rest] = text.split('\n');
    const header = (JSON.parse(first) as unknown[])[2];
    const made = new PlainLine(header);
    this.#checkStart(epoch, made, JSON.stringify(header));
    this.epoch = epoch;
    this.inode = inode;
    this.isSealed = false;
    this.isForgotten = false;
    this.line = made;
    this.#tail = '';
    if (rest.length > 0) throw new Violation(`${this.name}: epoch ${epoch} has records before it is in place`);
  }

  /** A journal's file was put in place with its directory: no other was there. */
  begun(epoch: number, inode: string, text: string): void {
    if (epoch <= this.epoch) throw new Violation(`${this.name}: the number ${epoch} comes twice`);
    this.linked(epoch, inode, text);
  }

  /** Bytes were appended to the highest epoch. */
  appended(text: string): void {
    const lines = (this.#tail + text).split('\n');
    const isTailDone = parsed(this.#tail) !== null;
    this.#tail = lines.at(-1) ?? '';
    lines.forEach((line, at) => {
      // A last line that is whole has counted already, when it came.
      if (at === 0 && isTailDone) return;
      const record = parsed(line);
      if (record) this.#counts(record);
    });
  }

  /** The believers are told what they hold by `beliefs.ts`; this is what they hold. */
  entryOf(ticket: number): PlainEntry | undefined {
    return this.line?.find(ticket);
  }

  /** The next epoch starts with exactly what the one before ends with. */
  #checkStart(epoch: number, made: PlainLine, header: string): void {
    if (!this.line || this.isForgotten) {
      this.#checkAnew(made, header);
      return;
    }
    if (!this.isSealed)
      throw new Violation(`${this.name}: epoch ${epoch} was made before epoch ${this.epoch} was sealed`);
    const [before, after] = [this.line.header(), made.header()];
    if (before === after && after === header) return;
    throw new Violation(`${this.name}: epoch ${epoch} starts with\n  ${header}\nand the last ended with\n  ${before}`);
  }

  /** A resource that is made has no entries, and no value. Where it was forgotten before, its tokens go on growing. */
  #checkAnew({ lastToken }: PlainLine, header: string): void {
    const { kind, permits } = this.#config;
    const { last } = JSON.parse(header);
    const anew = { name: this.name, kind, permits, last, token: lastToken, value: 0, entries: [] };
    if (header === JSON.stringify(anew) && last >= this.#lastToken) return;
    throw new Violation(`${this.name}: after token ${this.#lastToken} it was made anew with ${header}`);
  }

  #counts(record: readonly unknown[]): void {
    const [verb, id] = record as [string, string];
    if (this.isSealed || !this.line) return;
    if (verb === 'seal') {
      this.isSealed = true;
      return;
    }
    if (this.deeds.has(id)) throw new Violation(`${this.name}: record ${id} counts twice`);
    if (verb === 'evict') this.#checkEviction(record);
    const effects = this.line.apply(record);
    this.deeds.set(id, { verb, ...effects });
    if (verb === 'take') this.#checkTake(record, this.line.value, effects);
    for (const entry of effects.granted) this.#checkGrant(entry, this.line);
    if (this.line.kind === 'queue') this.#fates.check(this.name, this.line.items);
    for (const { ticket } of effects.ended) this.#ended.add(ticket);
    this.#checkLine(this.line, effects);
    this.isForgotten = verb === 'forget' && effects.outcome !== null;
    this.isSealed = this.isForgotten;
    if (!this.isForgotten) return;
    this.#answers = new Answers();
    this.#fates = new Fates();
  }

  /** Nobody who lives is evicted, but by force (which judges nobody). */
  #checkEviction([, , ticket, , judged]: readonly unknown[]): void {
    const entry = this.line?.find(ticket);
    if (!entry || judged === 0 || judged !== entry.owners.length) return;
    for (const { key, facts, relieved } of entry.owners) {
      if (!relieved && !this.#isGone(facts)) throw new Violation(`${this.name}: ${key} is evicted, and alive`);
    }
  }

  /** Nobody takes below the floor; and whoever asks with an id gets the same, as long as the name is not forgotten. */
  #checkTake([, , , n, floor, id]: readonly unknown[], value: number, { outcome }: Effects): void {
    if (typeof outcome !== 'object' || outcome === null || !('left' in outcome)) return;
    if (!outcome.isRepeat && (value < Number(floor) || value !== outcome.left))
      throw new Violation(`${this.name}: ${outcome.left} are left, above ${floor}, and the value is ${value}`);
    if (id !== undefined) this.#answers.heard(String(id), Number(n), outcome);
  }

  #checkGrant({ ticket, token }: PlainEntry, { items }: PlainLine): void {
    const item = items.of(ticket);
    if (item) this.taken.set(ticket, JSON.stringify(item));
    if (token <= this.#lastToken)
      throw new Violation(`${this.name}: token ${token} was given after token ${this.#lastToken}`);
    this.#lastToken = token;
    this.tokens.set(ticket, token);
  }

  #checkLine({ entries, kind, permits, waiting }: PlainLine, { granted, joined }: Effects): void {
    for (const { ticket } of entries) {
      if (this.#ended.has(ticket)) throw new Violation(`${this.name}: ticket ${ticket} has ended, and is back in line`);
    }
    if (joined && entries.some(({ ticket }) => ticket > joined.ticket))
      throw new Violation(`${this.name}: ticket ${joined.ticket} is not the highest`);
    if (kind === 'lock' || kind === 'semaphore') {
      const held = entries.reduce((sum, { token, ask }) => sum + (token > 0 ? weightOf(ask) : 0), 0);
      if (held > permits) throw new Violation(`${this.name}: ${held} of ${permits} permits are held`);
    } else if (kind === 'barrier') {
      if (granted.length !== 0 && granted.length !== permits)
        throw new Violation(`${this.name}: ${granted.length} of ${permits} parties are let in`);
      if (waiting.length >= permits) throw new Violation(`${this.name}: all parties are there, and wait`);
    }
  }
}

/** A whole record, as `docs/protocol.md` has it, or null. */
function parsed(line: string): readonly unknown[] | null {
  try {
    const record: unknown = JSON.parse(Buffer.from(line, 'latin1').toString('utf8'));
    return Array.isArray(record) && typeof record[0] === 'string' && typeof record[1] === 'string' ? record : null;
  } catch {
    return null;
  }
}
