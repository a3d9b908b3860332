import { createSecretKey } from 'node:crypto';
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import { Readable } from 'node:stream';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Lock, MisuseError, openStore, Process } from '../../lib/index.ts';
import { pack, unpack } from '../../lib/process/argument-codec.ts';
import { framed, HEAD_BYTES, IncomingFrames, MAX_FRAME_BYTES } from '../../lib/process/frame.ts';

function sent<T>(value: T): T {
  return unpack(pack(value, 'args')) as T;
}

class Money {
  #amount = 5;
  currency = 'EUR';
  get amount() {
    return this.#amount;
  }
}

function given(..._: unknown[]): unknown {
  // biome-ignore lint/complexity/noArguments: this is what is to be refused
  return arguments;
}

describe('what would arrive as something else is refused, with what to pass instead', () => {
  test.each<[string, unknown, RegExp]>([
    ['a function', () => 1, /is the function without a name: export it from a module/],
    ['a method', { of() {} }, /args\[0\]\.of is the function of/],
    ['a class', Money, /is the class Money/],
    ['a symbol', Symbol('s'), /is Symbol\(s\): a symbol is another one in each process/],
    ['a boxed symbol', Object(Symbol('s')), /Symbol/],
    ['a key that is a symbol', { [Symbol('s')]: 1 }, /the key Symbol\(s\)/],
    ['an object of a class', new Money(), /the class Money: only data would arrive/],
    ['an object with inherited properties', Object.create({ a: 1 }), /only data would arrive/],
    ['an array of a class', new (class Rows extends Array {})(), /the class Rows/],
    ['a map of a class', new (class Index extends Map {})(), /the class Index/],
    ['a date of a class', new (class Day extends Date {})(), /the class Day/],
    ['a typed array of a class', new (class Bits extends Uint8Array {})(2), /the class Bits/],
    ['a proxy', new Proxy({ a: 1 }, {}), /a Proxy: pass a copy/],
    ['a proxy of an array', new Proxy([1], {}), /a Proxy/],
    ['a URL', new URL('http://x/y'), /URL: pass its href/],
    ['URLSearchParams', new URLSearchParams('a=1'), /URLSearchParams: pass its text/],
    ['Headers', new Headers({ a: 'b' }), /Headers: pass \[\.\.\.headers\]/],
    ['FormData', new FormData(), /FormData: pass/],
    ['a Request', new Request('http://x'), /Request: pass its url/],
    ['a Response', new Response('x'), /Response: pass its status/],
    ['a Blob', new Blob(['x']), /Blob: pass its bytes/],
    ['an AbortSignal', new AbortController().signal, /AbortSignal: it aborts nothing/],
    ['a promise', Promise.resolve(1), /Promise: await it first/],
    ['a WeakMap', new WeakMap(), /WeakMap: its keys are objects of this process/],
    ['a WeakRef', new WeakRef({}), /WeakRef/],
    ['a stream of Node', Readable.from([]), /Readable: a stream is open in this process only/],
    ['a stream of the web', new ReadableStream(), /ReadableStream: a stream/],
    ['a format of Intl', new Intl.NumberFormat(), /NumberFormat/],
    ['a built-in object', Math, /the kind Math/],
    ['a module', fs, /only data would arrive|the function/],
    ['a generator', (function* () {})(), /Generator: pass what it gives/],
    ['an iterator', [1][Symbol.iterator](), /Iterator/],
    ['arguments', given(1), /pass \[\.\.\.arguments\]/],
    ['shared memory', new SharedArrayBuffer(4), /processes share no memory/],
    ['a view of shared memory', new Uint8Array(new SharedArrayBuffer(4)), /processes share no memory/],
    ['an emitter', new EventEmitter(), /EventEmitter/],
    ['a key', createSecretKey(Buffer.from('x')), /KeyObject/],
    ['a process', new Process({ command: ['true'] }), /pass its pid/],
    ['the global object', globalThis, /global|function/],
  ])('%s', (_, value, words) => {
    expect(() => pack([value], 'args')).toThrow(MisuseError);
    expect(() => pack([value], 'args')).toThrow(/^args cannot be transferred to another process: /);
    expect(() => pack([value], 'args')).toThrow(words);
  });

  test('at any depth, and the message names the place', () => {
    const deep = [{ a: new Map([['k', [1, { 'odd key': new URL('http://x') }]]]) }];
    expect(() => pack(deep, 'args')).toThrow('args[0].a.get(k)[1]["odd key"] is an object of the class URL');
    let nested: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) nested = [nested];
    expect(() => pack([nested], 'args')).toThrow('nested too deeply');
  });
});

test('what has more bytes than one process sends another at a time is refused', () => {
  const bytes = Buffer.alloc(1_000);
  expect(unpack(pack(bytes, 'args', 2_000))).toEqual(bytes);
  expect(() => pack(bytes, 'args', 1_000)).toThrow(/10\d\d bytes, and at most 1000 can be: write it to a file/);
  const frame = new IncomingFrames();
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(MAX_FRAME_BYTES + 1, 0, HEAD_BYTES);
  expect([frame.add(head), frame.isTooLong]).toEqual([[], true]);
});

test('a message in pieces is whole when its last byte has come', () => {
  const frame = new IncomingFrames();
  const pieces = [...framed(Buffer.from('hello'))].map((byte) => frame.add(Buffer.of(byte)));
  expect(pieces.flat()).toEqual([Buffer.from('hello')]);
  expect(pieces.at(-1)).toEqual([Buffer.from('hello')]);
});

describe('what is accepted arrives as it was', () => {
  test.each<[string, unknown]>([
    ['the simple values', [undefined, null, true, -0, Number.NaN, 2n ** 70n, 'a\0b\ud800']],
    ['boxed values', [Object('x'), Object(1), Object(2n)]],
    ['dates and patterns', [new Date(0), new Date(Number.NaN), /a/gi]],
    ['bytes', [Buffer.from('hi'), new Float32Array([1.5]), new DataView(new ArrayBuffer(2)), new ArrayBuffer(3)]],
    ['maps and sets', new Map<unknown, unknown>([[{ k: 1 }, new Set([[1]])]])],
    ['arrays with holes and keys', Object.assign(new Array(3), { 1: {}, index: 5 })],
    ['an odd key', JSON.parse('{"__proto__": {"a": 1}, "": 2}')],
    ['the environment', { ...process.env }],
    ['errors', [new TypeError('x'), new Error('y', { cause: 5 })]],
  ])('%s', (_, value) => {
    expect(sent(value)).toEqual(value);
    expect(sent({ deep: [value] })).toEqual({ deep: [value] });
  });

  test('process.env, an object without a prototype, and objects of another realm', () => {
    expect(sent(process.env)).toEqual({ ...process.env });
    const bare = Object.assign(Object.create(null), { a: [new Error('x')] });
    expect(Object.getPrototypeOf(sent(bare))).toBeNull();
    const foreign = vm.runInNewContext('({ list: [new Date(0), new Map([[1, { a: /x/ }]])] })');
    expect(JSON.stringify(sent(foreign))).toBe(JSON.stringify(foreign));
  });

  test('shared parts stay shared, cycles stay cycles, and holes stay holes', () => {
    const part = { lock: new Lock('x', { store: openStore('/tmp/lockstep-none') }) };
    const value: Record<string, unknown> = { one: part, other: part, list: new Array(3) };
    value.self = value;
    const arrived = sent(value);
    expect(arrived.self).toBe(arrived);
    expect(arrived.one).toBe(arrived.other);
    expect(arrived.one).toMatchObject({ lock: { name: 'x' } });
    expect(0 in (arrived.list as unknown[])).toBe(false);
  });

  test('a hundred thousand objects', () => {
    const rows = Array.from({ length: 100_000 }, (_, id) => ({ id }));
    expect(sent(rows).length).toBe(100_000);
  });

  test('an error whose property cannot be transferred, without it; its cause as words', () => {
    const cause = new Money();
    const error = Object.assign(new Error('x', { cause }), { retry: () => 1, twice: [cause, cause], code: 'E' });
    const arrived = sent(error);
    expect(arrived).toMatchObject({ message: 'x', code: 'E', cause: expect.stringContaining('Money') });
    expect(Object.keys(arrived)).toEqual(['code']);
  });
});
