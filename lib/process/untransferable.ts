import { types } from 'node:util';

/** The values to pass in place of an object of these classes. */
const INSTEAD: Record<string, string> = {
  URL: 'pass its href, and make a URL of it there',
  URLSearchParams: 'pass its text, and make them of it there',
  Headers: 'pass [...headers], and make them of it there',
  FormData: 'pass [...data], and make it of it there',
  Request: 'pass its url, method, headers and text',
  Response: 'pass its status, headers and text',
  AbortSignal: 'it aborts nothing in another process: end the process instead, with end() or terminate()',
  AbortController: 'it aborts nothing in another process: end the process instead, with end() or terminate()',
  Blob: 'pass its bytes, await blob.arrayBuffer()',
  File: 'pass its name and its bytes, await file.arrayBuffer()',
  Promise: 'await it first',
  WeakMap: 'its keys are objects of this process',
  WeakSet: 'its elements are objects of this process',
  WeakRef: 'it refers to an object of this process',
  SharedArrayBuffer: 'processes share no memory: pass a copy of its bytes',
  Module: 'pass the name of the module, and import it there',
  Arguments: 'pass [...arguments]',
  Generator: 'pass what it gives, such as [...it]',
  AsyncGenerator: 'pass what it gives',
  Process: 'a process can be joined only where it was started: pass its pid',
};
const A_STREAM = 'a stream is open in this process only: pass what it reads, or the name of a file';
const ITS_DATA = 'only data would arrive: pass its data, such as { ...it }, and make it of them there';

/** How many prototypes an object of each built-in class has; one of a class that extends it has more. */
const BUILT_IN: ReadonlyArray<[is: (object: object) => boolean, prototypes: number]> = [
  [Array.isArray, 2],
  [types.isMap, 2],
  [types.isSet, 2],
  [types.isDate, 2],
  [types.isRegExp, 2],
  [(object) => types.isBoxedPrimitive(object) && !types.isSymbolObject(object), 2],
  [types.isArrayBuffer, 2],
  [types.isDataView, 2],
  [(object) => Buffer.isBuffer(object), 4],
  [types.isTypedArray, 3],
];

/**
 * Returns what an object is that would not arrive in another process as it is, and what to pass instead; null for one that
 * would, by itself: its contents are not looked at. A structured clone makes `{}` of many objects without a word.
 *
 * It goes by the shape of classes and not by their identity: a test runner may give each program classes of its own.
 */
export function refusal(object: object): string | null {
  if (types.isProxy(object)) return 'a Proxy: pass a copy of what it shows, such as { ...proxy }';
  if (isErrorObject(object)) return null;
  for (const [is, prototypes] of BUILT_IN) {
    if (!is(object)) continue;
    if (types.isSharedArrayBuffer((object as { buffer?: unknown }).buffer)) return described(object);
    return prototypesOf(object) === prototypes ? null : described(object);
  }
  if (!isPlain(object)) return described(object);
  const hidden = Object.getOwnPropertySymbols(object).find((key) => isShown(object, key));
  return hidden ? `an object with the key ${String(hidden)}: a symbol is another one in each process` : null;
}

/** Describes a function or a symbol in the same words. */
export function describeRefusal(value: object | symbol): string {
  if (typeof value === 'symbol') return `${String(value)}: a symbol is another one in each process`;
  const isClass = /^class\b/.test(Function.prototype.toString.call(value));
  return `the ${isClass ? 'class' : 'function'} ${(value as { name?: string }).name || 'without a name'}: export it from a module, and import it there`;
}

/** Whether an object is nothing but its keys. */
export function isPlain(object: object): boolean {
  // Node's `process.env` has a prototype of its own.
  if (object === process.env) return true;
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== null && (Object.getPrototypeOf(prototype) !== null || !Object.hasOwn(prototype, 'isPrototypeOf')))
    return false;
  return Object.prototype.toString.call(object) === '[object Object]';
}

/** A `DOMException` is no native error in every version of Node. */
export function isErrorObject(object: object): object is Error {
  return types.isNativeError(object) || (typeof DOMException === 'function' && object instanceof DOMException);
}

function isShown(object: object, key: symbol): boolean {
  return Object.prototype.propertyIsEnumerable.call(object, key);
}

function described(object: object): string {
  const name = Object.getPrototypeOf(object)?.constructor?.name;
  const isNamed = typeof name === 'string' && name !== '' && name !== 'Object';
  const kind = Object.prototype.toString.call(object).slice('[object '.length, -1);
  const isShared = types.isSharedArrayBuffer((object as { buffer?: unknown }).buffer);
  const isStream = typeof (object as { pipe?: unknown }).pipe === 'function' || /Stream$/.test(name ?? '');
  const instead = INSTEAD[isShared ? 'SharedArrayBuffer' : isNamed ? name : kind];
  return `an object of ${isNamed ? `the class ${name}` : `the kind ${kind}`}: ${instead ?? (isStream ? A_STREAM : ITS_DATA)}`;
}

function prototypesOf(object: object): number {
  let count = 0;
  for (let each = Object.getPrototypeOf(object); each !== null; each = Object.getPrototypeOf(each)) count += 1;
  return count;
}
