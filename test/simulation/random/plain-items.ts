import type { Answer } from '../../../lib/line/outcome.ts';
import { Violation } from '../invariants.ts';

type Wired = [sequence: number, text: string, takes: number];

interface Wire {
  sequence: number;
  taken: Array<[ticket: number, ...Wired]>;
  queued: Wired[];
  puts: Array<[id: string, sequence: number]>;
}

/** What a queue knows of its items, as its header has it; written anew here, so that it can tell on `lib/line/items.ts`. No run has so many that a queue is full of itself. */
export class PlainItems {
  readonly #wire: Wire;
  /** Of the sequences that are done since this was made. */
  readonly done: number[] = [];

  constructor(wire: unknown) {
    this.#wire = structuredClone((wire ?? { sequence: 0, taken: [], queued: [], puts: [] }) as Wire);
  }

  get queued(): number {
    return this.#wire.queued.length;
  }

  /** The sequences of those that are queued or taken. */
  get unfinished(): number[] {
    return [...this.#wire.queued.map(([one]) => one), ...this.#wire.taken.map(([, one]) => one)];
  }

  get sequence(): number {
    return this.#wire.sequence;
  }

  header(order: readonly number[]): object {
    if (this.#wire.sequence === 0) return {};
    const taken = [...this.#wire.taken].sort(([one], [other]) => order.indexOf(one) - order.indexOf(other));
    return { items: { ...this.#wire, taken } };
  }

  put([text, bound, id]: readonly unknown[]): Answer {
    const earlier = this.#wire.puts.find(([one]) => one === id);
    if (earlier) return { item: earlier[1], isRepeat: true };
    if (this.queued >= Number(bound)) return 'queue full';
    const item = ++this.#wire.sequence;
    this.#wire.queued.push([item, String(text), 0]);
    if (id !== undefined) this.#wire.puts.push([String(id), item]);
    return { item, isRepeat: false };
  }

  /** Gives the first to an entry. False if there is none. */
  give(ticket: number): boolean {
    const first = this.#wire.queued.shift();
    if (first) this.#wire.taken.push([ticket, first[0], first[1], first[2] + 1]);
    return first !== undefined;
  }

  of(ticket: number): Wired | null {
    const taken = this.#wire.taken.find(([one]) => one === ticket);
    return taken ? [taken[1], taken[2], taken[3]] : null;
  }

  ended(ticket: number, isDone: boolean): void {
    const item = this.of(ticket);
    if (!item) return;
    this.#wire.taken = this.#wire.taken.filter(([one]) => one !== ticket);
    if (isDone) this.done.push(item[0]);
    else this.#wire.queued = [...this.#wire.queued, item].sort(([one], [other]) => one - other);
  }
}

/** What became of all items that were ever put into a queue, in all of its epochs. @throws {Violation} */
export class Fates {
  readonly #done = new Set<number>();

  /** Each is queued, taken by one entry, or done, and done once. */
  check(name: string, items: PlainItems): void {
    for (const one of items.done.splice(0)) {
      if (this.#done.has(one)) throw new Violation(`${name}: item ${one} is done twice`);
      this.#done.add(one);
    }
    const all = [...items.unfinished, ...this.#done].sort((one, other) => one - other);
    const isWhole = all.length === items.sequence && all.every((one, at) => one === at + 1);
    if (!isWhole) throw new Violation(`${name}: of ${items.sequence} items there are ${all.join(', ')}`);
  }
}
