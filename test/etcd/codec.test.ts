import fc from 'fast-check';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { MisuseError } from '../../lib/errors.ts';
import * as cluster from '../../lib/etcd/client/cluster-messages.ts';
import * as kv from '../../lib/etcd/client/kv-messages.ts';
import * as lease from '../../lib/etcd/client/lease-messages.ts';
import { decode, encode, type MessageType } from '../../lib/etcd/client/message.ts';
import * as txn from '../../lib/etcd/client/txn-messages.ts';
import * as watch from '../../lib/etcd/client/watch-messages.ts';
import { WireError } from '../../lib/etcd/client/wire-error.ts';
import { anyMessage, referenceType } from './reference-codec.ts';

type AnyType = MessageType<Record<string, unknown>>;

const isType = (value: unknown): value is AnyType => typeof value === 'object' && value !== null && 'byNumber' in value;
const TYPES = [kv, txn, watch, lease, cluster].flatMap((module) => Object.values(module).filter(isType) as AnyType[]);
const byName = new Map(TYPES.map((type) => [type.name.replace(/^.*\./, ''), type]));
const OPTIONS = { longs: String, enums: Number, bytes: Buffer, defaults: true, arrays: true };

/** A name as both sides could write it: `request_put` and `put`, `peerURLs` and `peerUrls`. */
const plain = (name: string) =>
  name
    .replaceAll('_', '')
    .toLowerCase()
    .replace(/^(request|response)|request$/g, '');

/** What we decode, in the form of protobufjs: with its names, 64-bit numbers as texts, and enumerations as numbers. */
function inReferenceForm(type: AnyType, value: Record<string, unknown>): Record<string, unknown> {
  const reference = referenceType(type.name);
  const entries = type.list.map(({ name, field }) => {
    const other = reference.fieldsById[field.number] as protobuf.Field;
    expect(plain(name)).toBe(plain(other.name));
    const form = (one: unknown) => fieldForm(other, one);
    return [other.name, Array.isArray(value[name]) ? (value[name] as unknown[]).map(form) : form(value[name])] as const;
  });
  return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
}

function fieldForm(field: protobuf.Field, value: unknown): unknown {
  const { resolvedType } = field.resolve();
  if (value === undefined) return undefined;
  if (resolvedType instanceof protobuf.Type)
    return inReferenceForm(byName.get(resolvedType.name) as AnyType, value as Record<string, unknown>);
  if (resolvedType instanceof protobuf.Enum) {
    const names = Object.keys(resolvedType.values).map(plain);
    return names.indexOf(plain(String(value).replace(/^not/, 'not_')));
  }
  return typeof value === 'bigint' || typeof value === 'number' ? String(value) : value;
}

/** What protobufjs decodes. It has no member for a message that is absent; ours has one, with initial values, for a header or a key. */
function decodedByReference(type: AnyType, bytes: Uint8Array): Record<string, unknown> {
  return withEmpty(type, referenceType(type.name).toObject(referenceType(type.name).decode(bytes), OPTIONS));
}

function withEmpty(type: AnyType, value: Record<string, unknown> | null): Record<string, unknown> {
  const reference = referenceType(type.name);
  const entries = type.list.flatMap(({ field }) => {
    const other = (reference.fieldsById[field.number] as protobuf.Field).resolve();
    const one = value?.[other.name];
    if (!(other.resolvedType instanceof protobuf.Type)) {
      const initial = field.initial() === undefined ? undefined : fieldForm(other, field.initial());
      const given = one === undefined || one === null ? initial : one;
      return given === undefined ? [] : [[other.name, given] as const];
    }
    const inner = byName.get(other.resolvedType.name) as AnyType;
    if (Array.isArray(one)) return [[other.name, one.map((each) => withEmpty(inner, each))] as const];
    const isAbsent = one === undefined || one === null;
    if (isAbsent && field.initial() === undefined) return [];
    return [[other.name, withEmpty(inner, isAbsent ? null : (one as Record<string, unknown>))] as const];
  });
  return Object.fromEntries(entries);
}

test('every message that etcd defines for our calls is known, with the same fields', () => {
  expect(TYPES.length).toBeGreaterThan(30);
  for (const type of TYPES) {
    const fields = referenceType(type.name).fieldsArray.map((field) => field.id);
    expect([type.name, [...type.byNumber.keys()].sort()]).toEqual([type.name, fields.sort()]);
  }
});

test.each(TYPES.map((type) => [type.name, type] as const))('%s is read and written as protobufjs does', (_, type) => {
  const reference = referenceType(type.name);
  fc.assert(
    fc.property(anyMessage(reference), (value) => {
      const theirs = reference.encode(reference.fromObject(value)).finish();
      const ours = decode(type, Buffer.from(theirs));
      const expected = decodedByReference(type, theirs);
      expect(inReferenceForm(type, ours)).toEqual(expected);
      expect(decodedByReference(type, encode(type, ours))).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

test('fields that are not known are skipped, of every type and in every place', () => {
  const unknown = fc.oneof(
    fc.bigInt(0n, 2n ** 64n - 1n).map((value) => (writer: protobuf.Writer, number: number) => {
      writer.uint32(number << 3).uint64(value as unknown as number);
    }),
    fc.constant((writer: protobuf.Writer, number: number) => writer.uint32((number << 3) | 1).double(1.5)),
    fc.constant((writer: protobuf.Writer, number: number) => writer.uint32((number << 3) | 5).float(1.5)),
    fc
      .uint8Array()
      .map((bytes) => (writer: protobuf.Writer, number: number) => writer.uint32((number << 3) | 2).bytes(bytes)),
    fc.constant((writer: protobuf.Writer, number: number) =>
      writer
        .uint32((number << 3) | 3)
        .uint32(8)
        .uint32(7)
        .uint32((number << 3) | 4),
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(unknown, fc.integer({ min: 100, max: 2 ** 20 })), { maxLength: 4 }), (fields) => {
      const writer = protobuf.Writer.create();
      for (const [write, number] of fields) write(writer, number);
      const known = encode(kv.PUT_REQUEST, { key: 'k', value: 'v', lease: 7n });
      const bytes = Buffer.concat([writer.finish(), known]);
      expect(decode(kv.PUT_REQUEST, bytes)).toMatchObject({ key: Buffer.from('k'), lease: 7n });
    }),
  );
});

test('any bytes are read, or refused with a WireError: there is no other error, and no hang', () => {
  const types = fc.constantFrom(
    txn.TXN_RESPONSE as AnyType,
    watch.WATCH_RESPONSE as AnyType,
    kv.RANGE_RESPONSE as AnyType,
  );
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 400 }), (type, bytes) => {
      try {
        decode(type, Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a message that is cut off in the middle of a field is refused, never read as a shorter one', () => {
  const whole = encode(kv.PUT_REQUEST, { key: 'key', value: 'value' });
  const betweenFields = 2 + 'key'.length;
  for (let length = 1; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    if (length === betweenFields) expect(decode(kv.PUT_REQUEST, cut)).toMatchObject({ key: Buffer.from('key') });
    else expect(() => decode(kv.PUT_REQUEST, cut)).toThrow(WireError);
  }
});

const HOSTILE: ReadonlyArray<[what: string, bytes: Buffer]> = [
  ['a length of 4 GB', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
  ['a length of 2^63', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])],
  ['a number of eleven bytes', Buffer.from([0x18, ...Array(10).fill(0x80), 0x01])],
  ['field 0', Buffer.from([0x00, 0x01])],
  ['wire type 6', Buffer.from([0x0e])],
  ['the end of a group that has not begun', Buffer.from([0x0c])],
  ['a group without an end', Buffer.from([0x0b, 0x08, 0x01])],
  ['a revision beyond 2^53', Buffer.from([0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])],
  ['groups in groups', Buffer.alloc(5_000, 0x0b)],
  ['a million keys in two bytes each', Buffer.alloc(2_000_000, Buffer.from([0x12, 0x00]))],
];

test.each(HOSTILE)('%s is refused, before anything large is allocated', (_, bytes) => {
  const before = process.memoryUsage().rss;
  const start = performance.now();
  expect(() => decode(kv.RANGE_RESPONSE, bytes)).toThrow(WireError);
  expect(process.memoryUsage().rss - before).toBeLessThan(400e6);
  expect(performance.now() - start).toBeLessThan(10_000);
});

test('a transaction nested in itself a hundred times is refused', () => {
  let bytes = encode(txn.TXN_RESPONSE, { header: decode(kv.HEADER, Buffer.alloc(0)), succeeded: true, responses: [] });
  for (let depth = 0; depth < 100; depth++) {
    const op = protobuf.Writer.create().uint32(34).bytes(bytes).finish();
    bytes = Buffer.from(protobuf.Writer.create().uint32(26).bytes(op).finish());
  }
  expect(() => decode(txn.TXN_RESPONSE, bytes)).toThrow(WireError);
});

test('an unknown kind of event is refused, not taken for a put', () => {
  expect(() => decode(watch.EVENT, Buffer.from([0x08, 0x02]))).toThrow(WireError);
});

test('a number that is not exact is misuse, and never rounded', () => {
  for (const limit of [2 ** 53, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => encode(kv.RANGE_REQUEST, { key: 'a', limit })).toThrow(MisuseError);
  expect(() => encode(kv.PUT_REQUEST, { key: 'a', lease: 2n ** 64n })).toThrow(MisuseError);
});

test('a comparison with 0 is written, an absent one is not', () => {
  const compare = { key: 'a', result: 'equal', target: 'create' } as const;
  const withZero = encode(txn.COMPARE, { ...compare, createRevision: 0 });
  expect(decode(txn.COMPARE, withZero)).toMatchObject({ createRevision: 0, version: undefined });
  expect(decode(txn.COMPARE, encode(txn.COMPARE, compare))).toMatchObject({ createRevision: undefined });
});

test('the end of a prefix is behind every key with the prefix, and before every other one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.uint8Array({ maxLength: 6 }), (prefix, key) => {
      const end = kv.prefixEnd(prefix);
      const isOpen = end.equals(Buffer.from([0]));
      expect(isOpen).toBe(prefix.every((byte) => byte === 0xff));
      const isInside = Buffer.compare(key, prefix) >= 0 && (isOpen || Buffer.compare(key, end) < 0);
      const hasPrefix = Buffer.from(key).subarray(0, prefix.length).equals(Buffer.from(prefix));
      if (hasPrefix) expect(isInside).toBe(true);
      else if (!isOpen) expect(isInside).toBe(false);
    }),
  );
});
