import type { EntryView, LineView } from '../../lib/index.ts';
import { shown } from '../text/escape.ts';

/** The others are counted, not named. */
const MAX_NAMED = 3;

/** An entry's owner for a person: its pid, and its host if that is not this one. */
export function ownerOf({ owners }: EntryView): string {
  const owner = owners.at(-1);
  if (!owner) return '-';
  return owner.place === 'here' ? String(owner.pid) : `${owner.pid}@${shown(owner.host)}`;
}

/** Identifies an entry in a store. */
export function keyOf(name: string, ticket: number): string {
  return `${ticket} ${name}`;
}

/** A line, split into holders and waiters once. */
interface Queue {
  holders: string;
  waiting: readonly EntryView[];
  /** The number of waiters before each waiter. */
  before: ReadonlyMap<EntryView, number>;
}

/** The entries that each entry waits for, in lines that were read at one time. */
export class Blockers {
  /** By `keyOf`: the waits of an entry's owner in other lines while it keeps the entry. */
  readonly #elsewhere = new Map<string, string[]>();
  readonly #queues = new Map<LineView, Queue>();

  constructor(lines: readonly LineView[]) {
    for (const line of lines) for (const entry of line.entries) this.#note(line, entry);
  }

  /** The holders, waiters or action that an entry waits for. Empty for a holder whose owner waits for nothing. */
  of(line: LineView, entry: EntryView): string {
    const { kind, name, permits } = line;
    if (entry.state === 'holding') return named(this.#elsewhere.get(keyOf(name, entry.ticket)) ?? [], ', ');
    if (kind === 'event') return 'the event to be set';
    if (kind === 'condition') return 'a notify';
    if (kind === 'queue') return 'an item';
    const { holders, waiting, before } = this.#queueOf(line);
    if (kind === 'barrier') return `${permits - waiting.length} more to come`;
    const ahead = before.get(entry) ?? 0;
    const some = waiting.slice(0, Math.min(ahead, MAX_NAMED)).map(ownerOf);
    return [holders, ahead > 0 ? `behind ${named(some, ' ', ahead)}` : ''].filter(Boolean).join(', ');
  }

  #note(line: LineView, { state, keeps }: EntryView): void {
    if (state !== 'waiting') return;
    const what = `${line.kind} ${shown(line.name)}`;
    for (const { name, ticket } of keeps.held) {
      const key = keyOf(name, ticket);
      const others = this.#elsewhere.get(key) ?? [];
      if (!others.includes(what)) this.#elsewhere.set(key, [...others, what]);
    }
  }

  #queueOf(line: LineView): Queue {
    const known = this.#queues.get(line);
    if (known) return known;
    const holding = line.entries.filter(({ state }) => state === 'holding');
    const waiting = line.entries.filter(({ state }) => state === 'waiting');
    const holders = named([...new Set(holding.map(ownerOf))], ' ');
    const queue = { holders, waiting, before: new Map(waiting.map((entry, at) => [entry, at])) };
    this.#queues.set(line, queue);
    return queue;
  }
}

/** The first few, and the number of others. */
function named(first: readonly string[], separator: string, many = first.length): string {
  const some = first.slice(0, MAX_NAMED);
  return `${some.join(separator)}${many > some.length ? ` +${many - some.length}` : ''}`;
}
