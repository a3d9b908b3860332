import { MisuseError } from '../../errors.ts';
import { encode, type Field, type MessageType, readMessage } from './message.ts';
import { WireError } from './wire-error.ts';
import { WireReader } from './wire-reader.ts';
import { DELIMITED, VARINT, type WireWriter } from './wire-writer.ts';

/** A key or a value in a request: a text stands for its UTF-8. A value from a server is always a `Buffer`. */
export type Bytes = string | Uint8Array;

/** How the values of one kind are written and read. */
interface Kind<V> {
  readonly wireType: number;
  write(writer: WireWriter, value: V): void;
  read(reader: WireReader): V;
  /** The value of a field that does not occur. */
  initial(): V;
  /** Whether a value is not written, because it is the initial one. */
  isInitial(value: V): boolean;
}

/*
 * Revisions, versions, counts, times to live and watch ids are numbers, and are checked to be exact: a cluster needs 28,000
 * years at 10,000 writes a second to reach the revision 2^53. A store compares, adds and prints them everywhere, and they become
 * fencing tokens, which are numbers. The ids of leases and members use all 64 bits, and are only compared: bigints.
 */

const INT64: Kind<number> = {
  wireType: VARINT,
  write: (writer, value) => writer.int64(value),
  read: (reader) => reader.int64(),
  initial: () => 0,
  isInitial: (value) => value === 0,
};
const ID: Kind<bigint> = {
  wireType: VARINT,
  write: (writer, value) => writer.big(value),
  read: (reader) => reader.bigInt64(),
  initial: () => 0n,
  isInitial: (value) => value === 0n,
};
const UNSIGNED_ID: Kind<bigint> = { ...ID, read: (reader) => reader.bigUint64() };
const BOOLEAN: Kind<boolean> = {
  wireType: VARINT,
  write: (writer, value) => writer.int64(value ? 1 : 0),
  read: (reader) => reader.boolean(),
  initial: () => false,
  isInitial: (value) => !value,
};
const NOTHING = Buffer.alloc(0);
const BYTES: Kind<Bytes> = {
  wireType: DELIMITED,
  write: (writer, value) => (typeof value === 'string' ? writer.text(value) : writer.bytes(value)),
  read: (reader) => reader.bytes(),
  initial: () => NOTHING,
  isInitial: (value) => value.length === 0,
};
const TEXT: Kind<string> = {
  wireType: DELIMITED,
  write: (writer, value) => writer.text(value),
  read: (reader) => reader.text(),
  initial: () => '',
  isInitial: (value) => value === '',
};

function wordOf<W extends string>(all: readonly [W, ...W[]]): Kind<W> {
  return {
    wireType: VARINT,
    write(writer, value) {
      if (!all.includes(value)) throw new MisuseError(`'${value}' is none of ${all.join(', ')}`);
      writer.int64(all.indexOf(value));
    },
    read(reader) {
      const value = all[reader.int32()];
      // A kind of event that is not known must not be taken for one that is.
      if (value === undefined) throw new WireError(`a field is none of ${all.join(', ')}`);
      return value;
    },
    initial: () => all[0],
    isInitial: (value) => value === all[0],
  };
}

function messageOf<T>(type: () => MessageType<T>): Kind<T> {
  return {
    wireType: DELIMITED,
    write: (writer, value) => writer.bytes(encode(type(), value)),
    read: (reader) => readMessage(type(), reader.nested()),
    initial: () => readMessage(type(), new WireReader(NOTHING)),
    isInitial: () => false,
  };
}

function single<V>(number: number, kind: Kind<V>): Field<V> {
  return {
    number,
    wireType: kind.wireType,
    isRepeated: false,
    isOfUnion: false,
    initial: () => kind.initial(),
    write(writer, value) {
      if (kind.isInitial(value)) return;
      writer.tag(number, kind.wireType);
      kind.write(writer, value);
    },
    read: (reader) => kind.read(reader),
  };
}

/** A field whose absence means something else than the initial value. */
function optional<V>(number: number, kind: Kind<V>, isOfUnion: boolean): Field<V | undefined> {
  return {
    number,
    wireType: kind.wireType,
    isRepeated: false,
    isOfUnion,
    initial: () => undefined,
    write(writer, value) {
      if (value === undefined) return;
      writer.tag(number, kind.wireType);
      kind.write(writer, value);
    },
    read: (reader) => kind.read(reader),
  };
}

function repeated<V>(number: number, kind: Kind<V>): Field<readonly V[]> {
  return {
    number,
    wireType: kind.wireType,
    isRepeated: true,
    isOfUnion: false,
    initial: () => [],
    write(writer, values) {
      for (const value of values) {
        writer.tag(number, kind.wireType);
        kind.write(writer, value);
      }
    },
    read(reader, before) {
      reader.element();
      (before as V[]).push(kind.read(reader));
      return before;
    },
  };
}

const bytesOf = <V extends Bytes>() => BYTES as Kind<Bytes> as unknown as Kind<V>;

export const int64 = (number: number) => single(number, INT64);
export const id = (number: number) => single(number, ID);
export const unsignedId = (number: number) => single(number, UNSIGNED_ID);
export const boolean = (number: number) => single(number, BOOLEAN);
export const bytes = <V extends Bytes>(number: number) => single(number, bytesOf<V>());
export const text = (number: number) => single(number, TEXT);
export const word = <W extends string>(number: number, all: readonly [W, ...W[]]) => single(number, wordOf(all));
/** A message that is always there: where it does not occur, one of initial values. */
export const message = <T>(number: number, type: () => MessageType<T>) => single(number, messageOf(type));
export const optionalMessage = <T>(number: number, type: () => MessageType<T>) =>
  optional(number, messageOf(type), false);

export const listOf = {
  texts: (number: number) => repeated(number, TEXT),
  bytes: (number: number) => repeated(number, bytesOf<Buffer>()),
  words: <W extends string>(number: number, all: readonly [W, ...W[]]) => repeated(number, wordOf(all)),
  messages: <T>(number: number, type: () => MessageType<T>) => repeated(number, messageOf(type)),
};

/** Members of a message's union: one of them at most is there, and an initial value is written. */
export const unionOf = {
  int64: (number: number) => optional(number, INT64, true),
  id: (number: number) => optional(number, ID, true),
  bytes: <V extends Bytes>(number: number) => optional(number, bytesOf<V>(), true),
  message: <T>(number: number, type: () => MessageType<T>) => optional(number, messageOf(type), true),
};
