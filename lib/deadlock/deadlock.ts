import { DeadlockError, type Waiting } from '../errors.ts';
import { type Keeps, type Kept, MAX_KEPT } from '../line/entry.ts';
import { standingOf } from '../store/holders.ts';
import type { LineView, OwnEntry, Store, SyncStore } from '../store/store.ts';
import { inheritedIn } from './enclosing-locks.ts';
import { isIdle, type WaitUnderWay, waitsUnderWay } from './idle-process.ts';
import { allHeldIn } from './open-stores.ts';
import { Deadlocked, type Link, linesAround } from './wait-graph.ts';

/**
 * Deadlock detection. A waiter records, in its own entry, what it keeps while it waits; so a cycle of waits can be read
 * from the store, and the waiter that closes it finds it.
 *
 * The detector knows what a waiter keeps
 * - of a flow of control (`withLock`, an `Owner`): what it holds, if its end needs the end of the wait;
 * - of a wait that blocks its thread, and of a process that has nothing else to do: all that it holds, and what
 *   the command holds that it is part of.
 */

/** A waiter that finds a cycle which another one closed gives up, too, if that one has not after this long. */
const PATIENCE_MS = 500;

export interface DeadlockOptions {
  /** This wait, among those of the process. */
  wait: WaitUnderWay;
  /** Whether the waiter's flow of control holds anything. */
  mayKeep: boolean;
  /** The entries that this flow keeps from others as long as the wait lasts. Called in the waiter's async context. */
  kept: () => readonly Kept[];
  /** Whether to throw. Without it, only the other waiters can report a deadlock. */
  detect: boolean;
}

/** The record for the entry, or the names whose lines are wanted. */
type Step = Keeps | readonly string[];
/** In the order of their names; none after a record. */
type Lines = ReadonlyArray<LineView | null>;

/** The cycle that one wait may be in, as far as it knows. */
class Suspicion {
  readonly #store: Store;
  readonly #own: OwnEntry;
  readonly #detect: boolean;
  /** The content of the entry's last `keep` record, as JSON. */
  #recorded = '';
  #seenAt = Number.POSITIVE_INFINITY;

  constructor(store: Store, own: OwnEntry, detect: boolean) {
    this.#store = store;
    this.#own = own;
    this.#detect = detect;
  }

  /**
   * One check. A generator, for stores that answer at once and those that do not: it yields what the entry is to record,
   * or names, and is given the lines of these.
   *
   * The first reading of the lines may show a cycle that never was, because one line leads to the next:
   *   1. Q, which has B, waits for A, which P has; the line of A is read;
   *   2. Q gives up, and P waits for B; the line of B is read.
   * An entry that is deadlocked in two readings was so all the time between them: a wait does not begin twice. The second one asks
   * for all lines together, so a store that cuts proves it by that reading alone.
   *
   * @throws {DeadlockError} if this wait is the one of its cycle to give up
   */
  *look(keeps: Keeps): Generator<Step, void, Lines> {
    if (this.#isNews(keeps)) yield keeps;
    // A waiter that holds nothing keeps no other waiting.
    if (!this.#detect || keeps.held.length === 0) return;
    const { name, ticket } = this.#own;
    const names = [name, ...keeps.held.map((kept) => kept.name)];
    const first = new Deadlocked(yield* linesAround(names));
    if (!first.cycleOf(name, ticket)) return this.#judge(null);
    const again = yield first.lines.map((line) => line.name);
    const second = new Deadlocked(
      again.filter((line) => line !== null),
      first,
    );
    this.#judge(second.cycleOf(name, ticket));
  }

  #isNews(keeps: Keeps): boolean {
    const record = keeps.held.length === 0 ? '' : JSON.stringify(keeps);
    if (record === this.#recorded) return false;
    this.#recorded = record;
    return true;
  }

  /** The youngest wait of a cycle gives up at once; another one only if that does not. */
  #judge(cycle: readonly Link[] | null): void {
    const now = this.#store.clock.monotonicMs();
    this.#seenAt = cycle ? Math.min(this.#seenAt, now) : Number.POSITIVE_INFINITY;
    if (!cycle || (!isYoungest(cycle) && now - this.#seenAt < PATIENCE_MS)) return;
    throw new DeadlockError(this.#own.name, cycle.map(asWaiting), this.#isAround(cycle) ? 'around' : 'here');
  }

  /** Whether what the wait needs is held by whatever runs this process. */
  #isAround([link]: readonly Link[]): boolean {
    const held = link?.held;
    if (!held || held.entry.ours) return false;
    const place = { name: held.line.name, ticket: held.entry.ticket };
    return inheritedIn(this.#store.place).some((one) => isSame(one, place));
  }
}

/** All agree which one that is, also where two close a cycle at the same time. */
function isYoungest([own, ...others]: readonly Link[]): boolean {
  return others.every((other) => ageOf(own as Link) >= ageOf(other));
}

function ageOf({ entry, line }: Link): string {
  return `${String(entry.ticket).padStart(16, '0')} ${entry.owners[0]?.session} ${line.name}`;
}

function asWaiting({ line, entry, held }: Link): Waiting {
  const holds = held && { resource: held.line.name, ...standingOf(held.entry) };
  return { ...standingOf(entry), waitsFor: line.name, holds };
}

/** Watches one asynchronous wait. */
export class DeadlockWatch {
  readonly #store: Store;
  readonly #own: OwnEntry;
  readonly #wait: WaitUnderWay;
  readonly #mayKeep: boolean;
  readonly #kept: () => readonly Kept[];
  readonly #suspicion: Suspicion;

  constructor(store: Store, own: OwnEntry, { wait, mayKeep, kept, detect }: DeadlockOptions) {
    this.#store = store;
    this.#own = own;
    this.#wait = wait;
    this.#mayKeep = mayKeep;
    this.#kept = kept;
    this.#suspicion = new Suspicion(store, own, detect);
  }

  /** Checks, as the wait begins, what is known for certain. @throws {DeadlockError} */
  async begin(): Promise<void> {
    if (this.#mayKeep) await this.#check(false);
  }

  /** From time to time. @throws {DeadlockError} */
  check(): Promise<void> {
    return this.#check(true);
  }

  async #check(mayBeIdle: boolean): Promise<void> {
    // By the next turn of the event loop, those that await this wait have come to do so.
    const idle = (await isIdle()) && mayBeIdle;
    // Meanwhile it may have ended.
    if (this.#own.state !== 'waiting') return;
    const kept = this.#kept();
    this.#wait.kept = kept;
    await this.#look(idle ? this.#allKept(kept) : { held: kept, waits: 1 });
  }

  /**
   * Returns what a process keeps that only waits. An entry that is held outside of any waiting flow may be released after any
   * of its waits, so each of them must record it. An entry of this wait's flow is released only after this wait: it is recorded once
   * for each wait, as if all of them recorded it. And what another wait's flow keeps, that wait records.
   */
  #allKept(own: readonly Kept[]): Keeps {
    const flows = waitsUnderWay();
    if (own.length * flows.length > MAX_KEPT) return { held: own, waits: 1 };
    const rest = allHeldIn(this.#store).filter((one) => !flows.flat().some((kept) => isSame(kept, one)));
    return { held: [...flows.flatMap(() => own), ...rest], waits: flows.length };
  }

  async #look(keeps: Keeps): Promise<void> {
    const steps = this.#suspicion.look(keeps);
    let step = steps.next([]);
    while (!step.done) {
      const { value } = step;
      if ('held' in value) await this.#store.keep(this.#own, value);
      step = steps.next('held' in value ? [] : await this.#linesOf(value));
    }
  }

  /** None for a line that cannot be read: it shows no deadlock, and is no reason to end a wait for another. */
  async #linesOf(names: readonly string[]): Promise<Lines> {
    try {
      return await this.#store.snapshots(names);
    } catch {
      return Promise.all(names.map((name) => this.#lineOf(name)));
    }
  }

  async #lineOf(name: string): Promise<LineView | null> {
    try {
      return await this.#store.snapshot(name);
    } catch {
      return null;
    }
  }
}

/** Watches one wait that blocks its thread. */
export class BlockingDeadlockWatch {
  readonly #store: SyncStore;
  readonly #own: OwnEntry;
  readonly #held: readonly Kept[];
  readonly #suspicion: Suspicion;

  constructor(store: SyncStore, own: OwnEntry, detect: boolean) {
    this.#store = store;
    this.#own = own;
    this.#held = allHeldIn(store);
    this.#suspicion = new Suspicion(store, own, detect);
  }

  /** @throws {DeadlockError} */
  check(): void {
    const steps = this.#suspicion.look({ held: this.#held, waits: 1 });
    let step = steps.next([]);
    while (!step.done) {
      const { value } = step;
      if ('held' in value) this.#store.keep(this.#own, value);
      step = steps.next('held' in value ? [] : this.#linesOf(value));
    }
  }

  #linesOf(names: readonly string[]): Lines {
    return names.map((name) => this.#lineOf(name));
  }

  #lineOf(name: string): LineView | null {
    try {
      return this.#store.snapshot(name);
    } catch {
      return null;
    }
  }
}

function isSame(one: Kept, other: Kept): boolean {
  return one.name === other.name && one.ticket === other.ticket;
}
