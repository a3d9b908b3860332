import { MisuseError } from '../errors.ts';
import type { AlsoLock } from '../foreign/also-lock.ts';
import { Barrier } from '../primitives/barrier.ts';
import { Condition } from '../primitives/condition.ts';
import { Counter } from '../primitives/counter.ts';
import { Event } from '../primitives/event.ts';
import { JsonFile, type JsonFileOptions } from '../primitives/json-file.ts';
import { Lock } from '../primitives/lock.ts';
import { Queue } from '../primitives/queue.ts';
import { RLock } from '../primitives/rlock.ts';
import { RWLock } from '../primitives/rwlock.ts';
import { BoundedSemaphore, Semaphore } from '../primitives/semaphore.ts';
import type { Recipe } from '../primitives/transferable.ts';
import { reopenStore } from '../stores/open-store.ts';

type Place = string | undefined;
type Also = AlsoLock | undefined;

/** How the receiving process makes each kind of primitive. */
const MAKERS: Record<string, (...ingredients: never[]) => unknown> = {
  Lock: (name: string, place: Place, also: Also) => new Lock(name, { ...storeAt(place), ...alsoOf(also) }),
  RWLock: (name: string, place: Place, also: Also) => new RWLock(name, { ...storeAt(place), ...alsoOf(also) }),
  Semaphore: (name: string, permits: number, place: Place) => new Semaphore(name, permits, storeAt(place)),
  RLock: (name: string, place: Place, also: Also) => new RLock(name, { ...storeAt(place), ...alsoOf(also) }),
  BoundedSemaphore: (name: string, permits: number, place: Place) =>
    new BoundedSemaphore(name, permits, storeAt(place)),
  Event: (name: string, place: Place) => new Event(name, storeAt(place)),
  Condition: (name: string, lock: Recipe, place: Place) =>
    new Condition(name, { ...storeAt(place), lock: recreated(lock) as Lock }),
  Barrier: (name: string, parties: number, place: Place) => new Barrier(name, parties, storeAt(place)),
  Counter: (name: string, place: Place) => new Counter(name, storeAt(place)),
  Queue: (name: string, maxSize: number, place: Place) => new Queue(name, { ...storeAt(place), maxSize }),
  JsonFile: (file: string, place: Place, create: unknown, also: JsonFileOptions['alsoLock']) =>
    new JsonFile(file, {
      ...storeAt(place),
      ...(create === undefined ? {} : { create }),
      ...(also === undefined ? {} : { alsoLock: also }),
    }),
};

/** Makes the primitive of a recipe, which another process has sent. @throws {MisuseError} for a kind that is not known here */
export function recreated([kind, ...ingredients]: Recipe): unknown {
  const maker = MAKERS[kind];
  if (!maker) throw new MisuseError(`this version of Lockstep does not know the kind ${kind} of an argument`);
  return maker(...(ingredients as never[]));
}

function storeAt(place: Place): { store?: ReturnType<typeof reopenStore> } {
  return place === undefined ? {} : { store: reopenStore(place) };
}

function alsoOf(also: Also): { alsoLock?: AlsoLock } {
  return also === undefined ? {} : { alsoLock: also };
}
