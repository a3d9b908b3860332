import { WireReader } from './wire-reader.ts';
import { DELIMITED, WireWriter } from './wire-writer.ts';

/** One field of a message: its number, and how its values are written and read. */
export interface Field<V> {
  readonly number: number;
  readonly wireType: number;
  readonly isRepeated: boolean;
  /** Whether it is a member of the message's union: of these, the last one that occurs is the valid one. */
  readonly isOfUnion: boolean;
  /** The value where the field does not occur. */
  initial(): V;
  write(writer: WireWriter, value: V): void;
  /** Reads one occurrence of the field; `before` is what it was so far. */
  read(reader: WireReader, before: V): V;
}

type Fields<T> = { readonly [K in keyof Required<T>]: Field<Required<T>[K]> };

/** A kind of message: what it is called on the wire, and its fields by their names in JavaScript. */
export interface MessageType<T> {
  readonly name: string;
  readonly fields: Fields<T>;
  /** The same, in the order of `fields`. */
  readonly list: readonly NamedField[];
  readonly byNumber: ReadonlyMap<number, NamedField>;
}

interface NamedField {
  readonly name: string;
  readonly field: Field<unknown>;
}

type Values = Record<string, unknown>;

/** Describes a kind of message. Messages that contain each other name each other by functions (`field.ts`). */
export function messageType<T>(name: string, fields: Fields<T>): MessageType<T> {
  const list = Object.entries(fields).map(([key, field]) => ({ name: key, field: field as Field<unknown> }));
  return { name, fields, list, byNumber: new Map(list.map((named) => [named.field.number, named])) };
}

/**
 * The bytes of a message. A field that is not given is not written.
 *
 * @throws {MisuseError} for a number that is not exact
 */
export function encode<T>(type: MessageType<T>, values: T): Buffer {
  const writer = new WireWriter();
  for (const { name, field } of type.list) {
    const value = (values as Values)[name];
    if (value !== undefined) field.write(writer, value);
  }
  return writer.finish();
}

/**
 * Reads a message. A field that does not occur has its initial value; fields that are not known are skipped, as newer servers
 * send them.
 *
 * @throws {WireError} if it is truncated or malformed
 */
export function decode<T>(type: MessageType<T>, bytes: Buffer): T {
  return readMessage(type, new WireReader(bytes));
}

/** The same from a reader. */
export function readMessage<T>(type: MessageType<T>, reader: WireReader): T {
  const values: Values = {};
  for (const { name, field } of type.list) values[name] = field.initial();
  while (!reader.isAtEnd) {
    const { field: number, wireType } = reader.tag();
    const known = type.byNumber.get(number);
    if (known === undefined || !readField(known, wireType, reader, values)) reader.skip(number, wireType);
    else if (known.field.isOfUnion) clearOthers(type.list, known, values);
  }
  return values as T;
}

/** Reads one occurrence of a field; false if it has another type than we know, as if it were another field. */
function readField({ name, field }: NamedField, wireType: number, reader: WireReader, values: Values): boolean {
  if (wireType === field.wireType) {
    values[name] = field.read(reader, values[name]);
    return true;
  }
  if (!field.isRepeated || wireType !== DELIMITED) return false;
  // Numbers of a list may be packed together.
  const packed = reader.nested();
  while (!packed.isAtEnd) values[name] = field.read(packed, values[name]);
  return true;
}

function clearOthers(list: readonly NamedField[], kept: NamedField, values: Values): void {
  for (const other of list) if (other.field.isOfUnion && other !== kept) values[other.name] = undefined;
}
