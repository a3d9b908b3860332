import type { AsyncLocalStorage } from 'node:async_hooks';
import { brand, shared } from '../copies.ts';
import { functionsAwaiting } from '../deadlock/awaiting.ts';
import { MisuseError } from '../errors.ts';
import type { Kept } from '../line/entry.ts';
import type { Store } from '../store/store.ts';
import type { Lease } from './lease.ts';

/** The flows of this process, of all copies of the package: a flow of one copy may be around one of another. */
const inProcess = shared('flows/1', () => ({
  /** Made with the first flow: from then on Node follows every promise, which costs all of them a little. */
  context: null as AsyncLocalStorage<Flow> | null,
  marked: 0,
}));

/**
 * A flow of control, in which one thing is done after the other, and what it is known to hold. `withLock` and its like
 * make one for the time that their work takes, inside the one that called them.
 *
 * It is kept in the async context: whatever a flow awaits is part of it, and two tasks that were started side by
 * side are not one flow.
 */
export class Flow {
  readonly #around: Flow | null;
  #leases: readonly Lease[];
  /** The function that awaits the work of a flow that ends with it. */
  #end: (() => unknown) | null = null;
  /** @internal Whether leases taken inside by plain `acquire` are known to be this flow's own, and no other task's in it. */
  readonly isDeclared: boolean;

  /** @internal */
  protected constructor(around: Flow | null, leases: readonly Lease[], isDeclared: boolean) {
    this.#around = around;
    this.#leases = leases;
    this.isDeclared = isDeclared;
  }

  /** @internal The flow whose code is running, if it is known. */
  static get current(): Flow | null {
    return inProcess.context?.getStore() ?? null;
  }

  /** @internal Runs `work` as a flow that has a lease until it is done, inside the one whose code is running. */
  static runHolding<T>(lease: Lease, work: () => T | PromiseLike<T>): Promise<T> {
    const around = Flow.current;
    const flow = new Flow(around, [lease], around?.isDeclared ?? false);
    const end = async () => await work();
    flow.#end = end;
    return flow.run(end);
  }

  /**
   * Runs `work` as this flow: every `acquire` in it, and in what it awaits, is this one's. Returns what `work`
   * returns, and throws what it throws.
   */
  run<T>(work: () => T): T {
    return context().run(this, work);
  }

  /** @internal Notes a lease that was taken by plain `acquire`. */
  add(lease: Lease): void {
    if (this.isDeclared) this.#leases = [...this.#leases.filter(({ isOver }) => !isOver), lease];
  }

  /**
   * @internal Returns the entries that this flow and the flows around it hold in a store. `ending`: counts only flows that
   * end with one of these functions.
   */
  heldIn(store: Store, ending?: ReadonlySet<string>): Kept[] {
    const isKept = !ending || !this.#end || ending.has(this.#end.name);
    const own = isKept ? this.#leases.flatMap((lease) => lease.placeIn(store) ?? []) : [];
    const held = [...(this.#around?.heldIn(store, ending) ?? []), ...own];
    // Leases that were acquired again are of one entry.
    return held.filter(({ name, ticket }, at) => {
      return held.findIndex((one) => one.name === name && one.ticket === ticket) === at;
    });
  }

  /**
   * @internal Returns those of them that cannot be released before the caller's own end: the entries of an `Owner`, and of
   * the flows whose work awaits the caller. A task that was started in a flow and is not awaited there keeps nothing: the
   * flow ends without it.
   */
  keptIn(store: Store): Kept[] {
    this.mark();
    return this.heldIn(store, functionsAwaiting());
  }

  /** @internal Gives the functions that await the work of this flow, and of those around it, names of their own. */
  mark(): void {
    this.#around?.mark();
    if (!this.#end || this.#end.name.startsWith('lockstep ')) return;
    inProcess.marked += 1;
    Object.defineProperty(this.#end, 'name', { value: `lockstep ${inProcess.marked}` });
  }

  /** @internal Calls `make` with the leases of this flow and then of the flows around it, the newest first. Returns the first result that is not null. */
  pick<T>(make: (lease: Lease) => T | null): T | null {
    for (const lease of this.#leases.toReversed()) {
      const made = make(lease);
      if (made !== null) return made;
    }
    return this.#around?.pick(make) ?? null;
  }
}

/**
 * An `Owner` is a flow of control that the program declares, where Lockstep cannot recognize one by itself.
 *
 * Use it where leases are acquired with plain `acquire`: deadlocks are then detected as promptly as with `withLock` and
 * its like, which need no `Owner`, and an `RLock` can be acquired again. Run the work in it, or name it:
 * `acquire({ owner })`. It holds nothing by itself, and needs no end.
 *
 * *Gotchas.* A task that is started inside and not awaited there is part of the owner too. If it waits for something
 * that the owner holds, that is reported as a deadlock, although the owner would continue and release it. Give such a
 * task an `Owner` of its own, which is independent of the one around it.
 *
 * @example
 * import { Owner, RLock } from 'lockstep';
 * await new Owner().run(async () => {
 *   await using outer = await new RLock('a').acquire();
 *   await using inner = await new RLock('a').acquire();
 *   console.log(outer.token === inner.token); // prints true
 * });
 */
export class Owner extends Flow {
  constructor() {
    super(null, [], true);
  }
}

brand({ Owner });

/** Whose an acquire is: the owner that it names, or the flow whose code is running. @throws {MisuseError} */
export function flowOf(owner: Owner | undefined): Flow | null {
  if (owner === undefined) return Flow.current;
  if (owner instanceof Owner) return owner;
  throw new MisuseError('owner must be an Owner');
}

function context(): AsyncLocalStorage<Flow> {
  if (!inProcess.context) {
    const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks');
    inProcess.context = new AsyncLocalStorage();
  }
  return inProcess.context;
}
