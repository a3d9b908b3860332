import { deserialize, serialize } from 'node:v8';
import { MisuseError } from '../errors.ts';
import { Lease } from '../primitives/lease.ts';
import { type Recipe, type Transferable, transfer } from '../primitives/transferable.ts';
import { type ErrorFields, errorFrom, fieldsOf, isError } from './error-codec.ts';
import { MAX_FRAME_BYTES } from './frame.ts';
import { recreated } from './primitive-makers.ts';
import { describeRefusal, isPlain, refusal } from './untransferable.ts';

/** A stand-in for an object that a structured clone would change, under the mark as its only key. */
type StandIn = { recipe: Recipe } | { error: ErrorFields } | { bare: Record<string, unknown> };

type Value = object | symbol | string | number | bigint | boolean | null | undefined;

interface Packed {
  /** The key that only the stand-ins have; null if there are none. */
  mark: string | null;
  value: unknown;
}

/** Elements of an array up to this many are looked at one by one; of a longer one, which may be mostly holes, those that are there. */
const MAX_DENSE = 2 ** 24;

/**
 * Packs a value for another process, structured-cloned. A `Lock`, a `Semaphore`, a `JsonFile` or the like in it, at any
 * depth, stands for the same resource there. Errors keep their name, message, code, stack and cause (`error-codec.ts`).
 *
 * @param what names the value in messages: `args`, `the result`
 * @throws {MisuseError} for what would not arrive as it is: a function, a symbol, an object of a class, a proxy, a lease;
 *   and for more than 256 MiB
 */
export function pack(value: unknown, what: string, maxBytes = MAX_FRAME_BYTES): Uint8Array {
  const mark = `lockstep:${Math.random()}`;
  try {
    const packer = new Packer(mark);
    const copy = packer.packed(value, { name: what, around: null });
    const packed: Packed = { mark: packer.hasStandIns ? mark : null, value: copy };
    const bytes = serialize(packed);
    if (bytes.length <= maxBytes) return bytes;
    throw new Error(`${bytes.length} bytes, and at most ${maxBytes} can be: write it to a file, and pass its name`);
  } catch (error) {
    const reason = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
    throw new MisuseError(`${what} cannot be transferred to another process: ${reason}`);
  }
}

/** Returns the value in the other process. */
export function unpack(bytes: Uint8Array): unknown {
  const { mark, value } = deserialize(bytes) as Packed;
  return mark === null ? value : new Unpacker(mark).value(value);
}

/** Where a value was found. Its words are made only for a message. */
interface Spot {
  name: string;
  around: Spot | null;
}

function wordsOf(place: Spot): string {
  return place.around ? wordsOf(place.around) + place.name : place.name;
}

const inArray = (key: string) => `[${key}]`;
const inKey = (key: string) => (/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);

/** Whether a value is the same in every process, whatever it is. */
function isSimple(value: unknown): value is Exclude<Value, object | symbol> {
  if (value === null) return true;
  return typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol';
}

/** Copies a value without what a structured clone loses. Shared parts stay shared, and cycles stay cycles. */
class Packer {
  hasStandIns = false;
  readonly #mark: string;
  readonly #known = new Map<object, unknown>();

  constructor(mark: string) {
    this.#mark = mark;
  }

  packed(given: unknown, place: Spot): unknown {
    const value = given as Value;
    if (isSimple(value)) return value;
    if (typeof value !== 'object') throw new Error(`${wordsOf(place)} is ${describeRefusal(value)}`);
    if (this.#known.has(value)) return this.#known.get(value);
    if (value instanceof Lease)
      throw new Error(
        'a lease cannot be transferred to another process: pass the lock and acquire it there, or pass `lease.token`',
      );
    const { [transfer]: recipe } = value as Partial<Transferable>;
    if (typeof recipe === 'function')
      return this.#noted(value, this.#standIn({ recipe: recipe.call(value) as Recipe }));
    const wrong = refusal(value);
    if (wrong !== null) throw new Error(`${wordsOf(place)} is ${wrong}`);
    return this.#parts(value, place);
  }

  #parts(value: object, place: Spot): unknown {
    const inside = (part: unknown, name: string) => this.packed(part, { name, around: place });
    const each = (part: unknown, key: string, words: (key: string) => string) =>
      isSimple(part) ? part : inside(part, words(key));
    if (isError(value)) return this.#error(value, place);
    if (Array.isArray(value)) {
      // Numbers and texts are most of what is large.
      if (value.length <= MAX_DENSE && value.every(isSimple)) return value;
      const copy = this.#noted(value, new Array(value.length));
      for (const key of Object.keys(value)) put(copy, key, each(value[key as never], key, inArray));
      return copy;
    }
    if (value instanceof Map) {
      const copy = this.#noted(value, new Map());
      for (const [key, part] of value) copy.set(inside(key, '.keys()'), inside(part, `.get(${String(key)})`));
      return copy;
    }
    if (value instanceof Set) {
      const copy = this.#noted(value, new Set());
      for (const part of value) copy.add(inside(part, '.values()'));
      return copy;
    }
    // Dates, buffers and the like: structured cloning keeps them, and there is nothing in them.
    if (!isPlain(value)) return value;
    const copy: Record<string, unknown> = {};
    const isBare = Object.getPrototypeOf(value) === null;
    this.#known.set(value, isBare ? this.#standIn({ bare: copy }) : copy);
    for (const [key, part] of Object.entries(value)) put(copy, key, each(part, key, inKey));
    return this.#known.get(value);
  }

  #error(error: Error, place: Spot): unknown {
    const fields = {} as ErrorFields;
    const standIn = this.#noted(error, this.#standIn({ error: fields }));
    Object.assign(
      fields,
      fieldsOf(error, (part, key) => this.#attempt(part, { name: inKey(key), around: place })),
    );
    return standIn;
  }

  /** Returns the packed part as the only element of an array; an empty one if the part cannot be packed. */
  #attempt(part: unknown, place: Spot): [unknown] | [] {
    const before = this.#known.size;
    try {
      return [this.packed(part, place)];
    } catch {
      // Copies that are half done must not be used for the same objects elsewhere.
      for (const key of [...this.#known.keys()].slice(before)) this.#known.delete(key);
      return [];
    }
  }

  #standIn(what: StandIn): object {
    this.hasStandIns = true;
    return { [this.#mark]: what };
  }

  /** Registers the copy before it is filled, so that a cycle finds it. */
  #noted<T>(value: object, copy: T): T {
    this.#known.set(value, copy);
    return copy;
  }
}

/** Makes what the stand-ins stand for. The value is our own, fresh from the bytes: it is changed in place. */
class Unpacker {
  readonly #mark: string;
  readonly #known = new Map<object, unknown>();

  constructor(mark: string) {
    this.#mark = mark;
  }

  value(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (this.#known.has(value)) return this.#known.get(value);
    const standIn = (value as Record<string, StandIn | undefined>)[this.#mark];
    if (standIn) return this.#made(value, standIn);
    this.#known.set(value, value);
    if (value instanceof Map) {
      const parts = [...value];
      value.clear();
      for (const [key, part] of parts) value.set(this.value(key), this.value(part));
    } else if (value instanceof Set) {
      const parts = [...value];
      value.clear();
      for (const part of parts) value.add(this.value(part));
    } else if (Array.isArray(value) || isPlain(value)) {
      this.#parts(value);
    }
    return value;
  }

  #parts(value: object): void {
    for (const key of Object.keys(value)) {
      const part = (value as Record<string, unknown>)[key];
      if (typeof part === 'object' && part !== null) put(value, key, this.value(part));
    }
  }

  #made(value: object, standIn: StandIn): unknown {
    if ('recipe' in standIn) {
      this.#known.set(value, recreated(standIn.recipe));
    } else if ('bare' in standIn) {
      const bare = Object.setPrototypeOf(standIn.bare, null) as Record<string, unknown>;
      this.#known.set(value, bare);
      this.#parts(bare);
    } else {
      errorFrom(
        standIn.error,
        (error) => this.#known.set(value, error),
        (part) => this.value(part),
      );
    }
    return this.#known.get(value);
  }
}

/** Sets a key. An assignment to `__proto__`, which is an ordinary key here, would set the prototype. */
function put(object: object, key: string, value: unknown): void {
  if (key !== '__proto__') (object as Record<string, unknown>)[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
