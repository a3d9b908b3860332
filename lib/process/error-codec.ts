import { inspect } from 'node:util';
import * as own from '../errors.ts';
import { isErrorObject } from './untransferable.ts';

/** The classes that are the same in every process. */
const STANDARD: Record<string, { prototype: object }> = {
  ...{ Error, TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError, AggregateError },
  ...Object.fromEntries(Object.entries(own).filter(([, value]) => typeof value === 'function')),
};
const MAX_CAUSE_CHARACTERS = 1_000;

/** An error as values that can be transferred. */
export interface ErrorFields {
  /** The name of its class. */
  className: string;
  /** The name of the nearest class of it that is the same in every process. */
  base: string;
  name: string;
  message: string;
  stack: string;
  /** Its other properties; among them `code`, `cause` and `errors`. */
  properties: Array<[key: string, value: unknown, isEnumerable: boolean]>;
}

export function isError(object: object): object is Error {
  return isErrorObject(object);
}

/**
 * Takes an error apart. A property that cannot be packed is left out, for the error itself must arrive; a cause is then
 * described in words.
 *
 * @param pack returns the packed value in an array, or an empty one
 */
export function fieldsOf(error: Error, pack: (part: unknown, key: string) => [unknown] | []): ErrorFields {
  const names = new Set(Object.getOwnPropertyNames(error));
  // It may be a getter of the class.
  if ('code' in error) names.add('code');
  for (const other of ['name', 'message', 'stack']) names.delete(other);
  const properties = [...names].flatMap((key): ErrorFields['properties'] => {
    const value = read(error, key);
    let [packed] = [pack(value, key)];
    if (packed.length === 0 && key === 'cause') packed = [inspect(value).slice(0, MAX_CAUSE_CHARACTERS)];
    return packed.map((each) => [key, each, Object.prototype.propertyIsEnumerable.call(error, key)]);
  });
  const [className, base] = classesOf(error);
  const texts = { name: text(error, 'name'), message: text(error, 'message'), stack: text(error, 'stack') };
  return { className, base, ...texts, properties };
}

/**
 * Puts an error together. It is an instance of the nearest class that this process knows, JavaScript's or Lockstep's, and
 * bears the name of its own.
 *
 * @param made is called with the error before its parts are unpacked: one of them may be the error itself
 */
export function errorFrom(fields: ErrorFields, made: (error: Error) => void, unpack: (part: unknown) => unknown): void {
  const { className, base, name, message, stack, properties } = fields;
  const error = base === 'DOMException' ? new DOMException(message, name) : new Error(message);
  if (base !== 'DOMException') Object.setPrototypeOf(error, prototypeOf(className, base));
  made(error);
  const hide = (key: string, value: unknown) => Object.defineProperty(error, key, { ...OWN, value, enumerable: false });
  hide('stack', stack);
  if (error.name !== name) hide('name', name);
  for (const [key, value, enumerable] of properties) {
    if (base === 'DOMException' && key === 'code') continue;
    Object.defineProperty(error, key, { ...OWN, value: unpack(value), enumerable });
  }
}

const OWN = { configurable: true, writable: true };

function prototypeOf(className: string, base: string): object {
  const known = STANDARD[base] ?? Error;
  if (className === base) return known.prototype;
  // A class of that name, for `console.log` and for `error.constructor.name`.
  const named = { [className]: class extends (known as ErrorConstructor) {} };
  return (named[className] as { prototype: object }).prototype;
}

function classesOf(error: Error): [className: string, base: string] {
  if (typeof DOMException === 'function' && error instanceof DOMException) return ['DOMException', 'DOMException'];
  const names: string[] = [];
  for (let each = Object.getPrototypeOf(error); each !== null; each = Object.getPrototypeOf(each))
    names.push(String(read(each, 'constructor', 'name') ?? ''));
  const base = names.find((name) => Object.hasOwn(STANDARD, name)) ?? 'Error';
  return [names[0] || base, base];
}

/** A getter of the program may throw. */
function read(object: object, ...keys: string[]): unknown {
  try {
    return keys.reduce((each: unknown, key) => (each as Record<string, unknown>)[key], object);
  } catch {
    return undefined;
  }
}

function text(error: Error, key: string): string {
  const value = read(error, key);
  return typeof value === 'string' ? value : '';
}
