import type { Kept } from '../line/entry.ts';
import { weightOf } from '../line/weight.ts';
import { isName } from '../store/name.ts';
import type { EntryView, LineView } from '../store/store.ts';

/**
 * The wait-for graph: a pure function of lines that finds the waits that can never end. It serves a waiter that checks
 * itself, and `status`.
 *
 * Every entry is given the benefit of the doubt: a holder that does not wait releases, and a waiter that fits behind the
 * remaining entries is admitted and releases in turn. The entries that remain when no further one can go are deadlocked for good.
 * (So it is with counted resources, too: a semaphore's waiter is deadlocked only if all the permits that it lacks are.)
 */

/** An entry, and where it stands. */
export interface Place {
  readonly line: LineView;
  readonly entry: EntryView;
}

/** One wait in a deadlock cycle. */
export interface Link extends Place {
  /** The place that it keeps from the wait before it in the cycle; null if it only stands before it in line. */
  readonly held: Place | null;
}

/** The entries in these lines that can never end. Entries that are not among `only` count as gone. */
export class Deadlocked {
  readonly #lines: readonly LineView[];
  /** All lines that it was made of. */
  readonly lines: readonly LineView[];
  readonly #keepers: ReadonlyMap<string, readonly Place[]>;
  readonly #gone = new Set<EntryView>();

  constructor(lines: readonly LineView[], only?: Deadlocked) {
    this.lines = lines;
    this.#lines = lines.filter(({ kind }) => kind === 'lock' || kind === 'semaphore');
    this.#keepers = keepersIn(this.#lines);
    for (const { name, entries } of this.#lines) {
      for (const entry of entries) {
        if (entry.stale || (only && !only.hasTicket(name, entry.ticket))) this.#gone.add(entry);
      }
    }
    // Each round takes out at least one, so there are no more rounds than entries.
    while (this.#lines.map((line) => this.#letGo(line)).some(Boolean));
  }

  has(entry: EntryView): boolean {
    return !this.#gone.has(entry);
  }

  hasTicket(name: string, ticket: number): boolean {
    const entry = this.#lines.find((line) => line.name === name)?.entries.find((one) => one.ticket === ticket);
    return entry !== undefined && this.has(entry);
  }

  /** The entries that are in a cycle, and those that their owners hold. */
  get inCycles(): Set<EntryView> {
    const inCycles = new Set<EntryView>();
    for (const line of this.#lines) {
      for (const entry of line.entries) {
        if (entry.state === 'holding' || !this.has(entry) || !this.cycleOf(line.name, entry.ticket)) continue;
        inCycles.add(entry);
        for (const holder of this.#holders({ line, entry })) inCycles.add(holder);
      }
    }
    return inCycles;
  }

  /** The shortest cycle that this wait closes, itself the first; null if there is none. */
  cycleOf(name: string, ticket: number): Link[] | null {
    const line = this.#lines.find((one) => one.name === name);
    const entry = line?.entries.find((one) => one.ticket === ticket);
    if (!line || !entry || !this.has(entry)) return null;
    const paths: Link[][] = [[{ line, entry, held: null }]];
    const seen = new Set<EntryView>();
    for (let path = paths.shift(); path; path = paths.shift()) {
      for (const next of this.#neededBy(path.at(-1) as Link, entry)) {
        const isClosed = next.entry === entry && (path.length > 1 || this.#isInItsOwnWay({ line, entry }));
        if (isClosed) return [next, ...path.slice(1)];
        if (next.entry === entry || seen.has(next.entry)) continue;
        seen.add(next.entry);
        paths.push([...path, next]);
      }
    }
    return null;
  }

  /** Takes out the entries of a line that can end. True if there were any. */
  #letGo(line: LineView): boolean {
    let before = 0;
    let went = false;
    for (const entry of line.entries) {
      if (this.#gone.has(entry)) continue;
      const weight = weightOf(entry.ask);
      const ends = entry.state === 'holding' ? !this.#isKept(line, entry) : before + weight <= weightOf(line.permits);
      if (ends) {
        this.#gone.add(entry);
        went = true;
      } else {
        before += weight;
      }
    }
    return went;
  }

  /** Whether its owner waits, in all of the waits that could lead to its release, and none of them ends. */
  #isKept({ name }: LineView, { ticket }: EntryView): boolean {
    const keepers = this.#keepers.get(keyOf({ name, ticket })) ?? [];
    const waits = Math.max(1, ...keepers.map(({ entry }) => entry.keeps.waits));
    return keepers.length >= waits && keepers.every(({ entry }) => this.has(entry));
  }

  /**
   * Whether what a waiter keeps in its own line is enough to keep it there. Of a semaphore it need not be: each
   * of two that have half of the permits waits for its own too, but if one of them gives up, both can go on.
   */
  #isInItsOwnWay({ line, entry: waiter }: Place): boolean {
    const own = new Set(waiter.keeps.held.filter(({ name }) => name === line.name).map(({ ticket }) => ticket));
    const capacity = weightOf(line.permits);
    let before = 0;
    for (const entry of line.entries) {
      const weight = weightOf(entry.ask);
      const stays = entry.state === 'holding' ? own.has(entry.ticket) && this.has(entry) : before + weight > capacity;
      if (entry === waiter) return stays;
      if (stays) before += weight;
    }
    return false;
  }

  /**
   * The deadlocked waits whose end a deadlocked wait needs. A waiter before it in its line needs the same as it does, so
   * it leads to no other wait, but may be the target itself.
   */
  #neededBy(waiter: Place, target: EntryView): Link[] {
    const { line } = waiter;
    const links: Link[] = this.#holders(waiter).flatMap((entry) => {
      const keepers = this.#keepers.get(keyOf({ name: line.name, ticket: entry.ticket })) ?? [];
      return keepers.map((keeper) => ({ ...keeper, held: { line, entry } }));
    });
    const at = line.entries.indexOf(target);
    if (at !== -1 && at < line.entries.indexOf(waiter.entry)) links.push({ line, entry: target, held: null });
    return links;
  }

  /** The deadlocked holders in a waiter's line. All of them are before it. */
  #holders({ line }: Place): EntryView[] {
    return line.entries.filter((entry) => entry.state === 'holding' && this.has(entry));
  }
}

/** The waiters that keep each held entry. */
function keepersIn(lines: readonly LineView[]): Map<string, Place[]> {
  const keepers = new Map<string, Place[]>();
  for (const line of lines) {
    for (const entry of line.entries) {
      if (entry.state === 'holding') continue;
      for (const kept of entry.keeps.held) {
        const key = keyOf(kept);
        keepers.set(key, [...(keepers.get(key) ?? []), { line, entry }]);
      }
    }
  }
  return keepers;
}

function keyOf({ name, ticket }: Kept): string {
  return `${ticket} ${name}`;
}

/** At most this many lines are read around the given ones; a deadlock beyond them is not found. */
const MAX_AROUND = 256;

/**
 * The lines that matter for a wait: its own, those of what it keeps, and, from there on, those of what the waiters in
 * them keep. A generator, so that the same steps serve a store that answers at once and one that does
 * not: it yields names, and is given their lines.
 */
export function* linesAround(
  names: readonly string[],
): Generator<readonly string[], LineView[], ReadonlyArray<LineView | null>> {
  const lines: LineView[] = [];
  const known = new Set<string>();
  let wanted = [...new Set(names)];
  for (let rest = names.length + MAX_AROUND; wanted.length > 0; ) {
    wanted = wanted.slice(0, rest);
    rest -= wanted.length;
    for (const name of wanted) known.add(name);
    const found = (yield wanted).filter((line) => line !== null);
    lines.push(...found);
    wanted = [...new Set(found.flatMap(keptNames))].filter((name) => !known.has(name));
  }
  return lines;
}

/** The names of what the waiters in a line keep. */
function keptNames({ entries }: LineView): string[] {
  return entries
    .filter(({ state }) => state === 'waiting')
    .flatMap(({ keeps }) => keeps.held.map((kept) => kept.name))
    .filter(isName);
}
