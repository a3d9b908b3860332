import { deserialize, serialize } from 'node:v8';
import { reopenStore } from '../disk/open-store.ts';
import { MisuseError } from '../errors.ts';
import { Barrier } from '../primitives/barrier.ts';
import { Condition } from '../primitives/condition.ts';
import { Counter } from '../primitives/counter.ts';
import { Event } from '../primitives/event.ts';
import { JsonFile } from '../primitives/json-file.ts';
import { Lease } from '../primitives/lease.ts';
import { Lock } from '../primitives/lock.ts';
import { RLock } from '../primitives/rlock.ts';
import { RWLock } from '../primitives/rwlock.ts';
import { BoundedSemaphore, Semaphore } from '../primitives/semaphore.ts';
import { type Recipe, type Transferable, transfer } from '../primitives/transferable.ts';

type Place = string | undefined;

/** How the receiving process makes each kind of primitive. */
const MAKERS: Record<string, (...ingredients: never[]) => unknown> = {
  Lock: (name: string, place: Place) => new Lock(name, storeAt(place)),
  RWLock: (name: string, place: Place) => new RWLock(name, storeAt(place)),
  Semaphore: (name: string, permits: number, place: Place) => new Semaphore(name, permits, storeAt(place)),
  RLock: (name: string, place: Place) => new RLock(name, storeAt(place)),
  BoundedSemaphore: (name: string, permits: number, place: Place) =>
    new BoundedSemaphore(name, permits, storeAt(place)),
  Event: (name: string, place: Place) => new Event(name, storeAt(place)),
  Condition: (name: string, lock: Recipe, place: Place) =>
    new Condition(name, { ...storeAt(place), lock: make(lock) as Lock }),
  Barrier: (name: string, parties: number, place: Place) => new Barrier(name, parties, storeAt(place)),
  Counter: (name: string, place: Place) => new Counter(name, storeAt(place)),
  JsonFile: (file: string, place: Place) => new JsonFile(file, storeAt(place)),
};

interface Packed {
  /** The key that only the stand-ins for primitives have. */
  mark: string;
  args: unknown;
}

/** Returns the replacement of an object, or undefined to keep it. */
type Exchange = (object: object) => unknown;

/**
 * Packs arguments for another process, structured-cloned. A `Lock`, a `Semaphore`, a `JsonFile` or the like in them, at
 * any depth, stands for the same resource there.
 *
 * @throws {MisuseError} for an argument that cannot be transferred: a function, a symbol, a lease
 */
export function pack(args: readonly unknown[]): Uint8Array {
  const mark = `lockstep:${Math.random()}`;
  try {
    const packed: Packed = { mark, args: rebuilt(args, (object) => standIn(object, mark), new Map()) };
    return serialize(packed);
  } catch (error) {
    if (error instanceof MisuseError) throw error;
    throw new MisuseError(`args cannot be transferred to another process: ${(error as Error).message}`);
  }
}

/** Returns the arguments in the other process. */
export function unpack(bytes: Uint8Array): unknown[] {
  const { mark, args } = deserialize(bytes) as Packed;
  return rebuilt(args, (object) => made(object, mark), new Map()) as unknown[];
}

function standIn(object: object, mark: string): unknown {
  if (object instanceof Lease) {
    throw new MisuseError(
      'a lease cannot be transferred to another process: pass the lock and acquire it there, or pass `lease.token`',
    );
  }
  const { [transfer]: recipe } = object as Partial<Transferable>;
  return typeof recipe === 'function' ? { [mark]: recipe.call(object) } : undefined;
}

function made(object: object, mark: string): unknown {
  const recipe = (object as Record<string, Recipe | undefined>)[mark];
  return recipe && make(recipe);
}

function make([kind, ...ingredients]: Recipe): unknown {
  const maker = MAKERS[kind];
  if (!maker) throw new MisuseError(`this version of Lockstep does not know the kind ${kind} of an argument`);
  return maker(...(ingredients as never[]));
}

/** Copies a value, with some objects in it exchanged. Shared parts stay shared, and cycles stay cycles. */
function rebuilt(value: unknown, exchange: Exchange, known: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (known.has(value)) return known.get(value);
  const other = exchange(value);
  if (other !== undefined) {
    known.set(value, other);
    return other;
  }
  const inside = (part: unknown) => rebuilt(part, exchange, known);
  if (Array.isArray(value)) return filled(value, [] as unknown[], known, (copy) => copy.push(...value.map(inside)));
  if (value instanceof Map) {
    return filled(value, new Map(), known, (copy) => {
      for (const [key, part] of value) copy.set(inside(key), inside(part));
    });
  }
  if (value instanceof Set) {
    return filled(value, new Set(), known, (copy) => {
      for (const part of value) copy.add(inside(part));
    });
  }
  // Dates, buffers, errors, …: structured cloning handles them, and they hold no primitive.
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  return filled(value, {} as Record<string, unknown>, known, (copy) => {
    for (const [key, part] of Object.entries(value)) define(copy, key, inside(part));
  });
}

/** Registers the copy before filling it, so that a cycle finds it. */
function filled<T extends object>(value: object, copy: T, known: Map<object, unknown>, fill: (copy: T) => void): T {
  known.set(value, copy);
  fill(copy);
  return copy;
}

/** Defines a key. An assignment to `__proto__`, which is an ordinary key here, would set the prototype. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function storeAt(place: Place): { store?: ReturnType<typeof reopenStore> } {
  return place === undefined ? {} : { store: reopenStore(place) };
}
