import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import protobuf from 'protobufjs';

/** etcd's messages as protobufjs reads them from their definition: what our own codec is compared with. */
export const PROTO = fileURLToPath(new URL('rpc.proto', import.meta.url));
const root = protobuf.loadSync(PROTO);

/** 64-bit fields that use all their bits; the others are exact as JavaScript's numbers. */
const IDS = [
  'ID',
  'lease',
  'cluster_id',
  'member_id',
  'raft_term',
  'leader',
  'raftIndex',
  'raftTerm',
  'raftAppliedIndex',
];
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

export function referenceType(name: string): protobuf.Type {
  return root.lookupType(`etcdserverpb.${name.replace(/^.*\./, '')}`);
}

/** Any value of a message, as protobufjs takes it: with 64-bit numbers as texts. */
export function anyMessage(type: protobuf.Type, depth = 2): fc.Arbitrary<Record<string, unknown>> {
  const fields = type.fieldsArray
    .filter((field) => field.partOf === null)
    .map((field) => [field.name, anyField(field, depth)] as const);
  const plain = fc.record(Object.fromEntries(fields), { requiredKeys: [] });
  const unions = type.oneofsArray.map((union) =>
    fc.oneof(...union.fieldsArray.map((field) => fc.record({ [field.name]: anyField(field, depth) }))),
  );
  return fc.tuple(plain, ...unions).map((parts) => Object.assign({}, ...parts));
}

function anyField(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  const one = anyValue(field, depth);
  return field.repeated ? fc.array(one, { maxLength: 3 }) : one;
}

function anyValue(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  field.resolve();
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Enum) return fc.constantFrom(...Object.values(resolvedType.values));
  if (resolvedType instanceof protobuf.Type) return depth > 0 ? anyMessage(resolvedType, depth - 1) : fc.constant({});
  if (field.type === 'bytes') return fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  if (field.type === 'string') return fc.string({ unit: 'grapheme' });
  if (field.type === 'bool') return fc.boolean();
  return anyNumber(field).map(String);
}

function anyNumber({ name, type }: protobuf.Field): fc.Arbitrary<bigint> {
  if (!IDS.includes(name)) return fc.bigInt(-SAFE, SAFE);
  return type === 'uint64' ? fc.bigInt(0n, 2n ** 64n - 1n) : fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
}
