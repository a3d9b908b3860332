import { type Bytes, boolean, bytes, id, int64, listOf, message, optionalMessage, unsignedId, word } from './field.ts';
import { type MessageType, messageType } from './message.ts';

/** etcd's own names and numbers of fields, from its `rpc.proto` and `kv.proto`. */

export interface Header {
  clusterId: bigint;
  memberId: bigint;
  /** The store's revision when the request was served. */
  revision: number;
  raftTerm: bigint;
}

export interface KeyValue {
  key: Buffer;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Buffer;
  /** 0n: none. */
  lease: bigint;
}

/** A key, or all keys from it up to `rangeEnd`, which is exclusive (`prefixEnd`). */
export interface KeyRange {
  key: Bytes;
  rangeEnd?: Bytes;
}

export interface RangeRequest extends KeyRange {
  /** 0: all. */
  limit?: number;
  /** The revision to read at; 0: the newest. */
  revision?: number;
  sortOrder?: 'none' | 'ascend' | 'descend';
  sortTarget?: 'key' | 'version' | 'create' | 'mod' | 'value';
  /** Answered by the member itself, from what it knows: fast, and possibly old. */
  serializable?: boolean;
  keysOnly?: boolean;
  countOnly?: boolean;
  minModRevision?: number;
  maxModRevision?: number;
  minCreateRevision?: number;
  maxCreateRevision?: number;
}

export interface RangeResponse {
  header: Header;
  kvs: readonly KeyValue[];
  /** Whether there are more keys than `limit`. */
  more: boolean;
  /** How many keys are in the range. */
  count: number;
}

export interface PutRequest {
  key: Bytes;
  value?: Bytes;
  /** 0n: none. */
  lease?: bigint;
  prevKv?: boolean;
  ignoreValue?: boolean;
  ignoreLease?: boolean;
}

export interface PutResponse {
  header: Header;
  prevKv: KeyValue | undefined;
}

export interface DeleteRangeRequest extends KeyRange {
  prevKv?: boolean;
}

export interface DeleteRangeResponse {
  header: Header;
  deleted: number;
  prevKvs: readonly KeyValue[];
}

export interface CompactionRequest {
  revision: number;
  /** Answer only when the old revisions are off the disk. */
  physical?: boolean;
}

export interface CompactionResponse {
  header: Header;
}

export const HEADER: MessageType<Header> = messageType('etcdserverpb.ResponseHeader', {
  clusterId: unsignedId(1),
  memberId: unsignedId(2),
  revision: int64(3),
  raftTerm: unsignedId(4),
});

export const KEY_VALUE: MessageType<KeyValue> = messageType('mvccpb.KeyValue', {
  key: bytes<Buffer>(1),
  createRevision: int64(2),
  modRevision: int64(3),
  version: int64(4),
  value: bytes<Buffer>(5),
  lease: id(6),
});

export const RANGE_REQUEST: MessageType<RangeRequest> = messageType('etcdserverpb.RangeRequest', {
  key: bytes<Bytes>(1),
  rangeEnd: bytes<Bytes>(2),
  limit: int64(3),
  revision: int64(4),
  sortOrder: word(5, ['none', 'ascend', 'descend']),
  sortTarget: word(6, ['key', 'version', 'create', 'mod', 'value']),
  serializable: boolean(7),
  keysOnly: boolean(8),
  countOnly: boolean(9),
  minModRevision: int64(10),
  maxModRevision: int64(11),
  minCreateRevision: int64(12),
  maxCreateRevision: int64(13),
});

export const RANGE_RESPONSE: MessageType<RangeResponse> = messageType('etcdserverpb.RangeResponse', {
  header: message(1, () => HEADER),
  kvs: listOf.messages(2, () => KEY_VALUE),
  more: boolean(3),
  count: int64(4),
});

export const PUT_REQUEST: MessageType<PutRequest> = messageType('etcdserverpb.PutRequest', {
  key: bytes<Bytes>(1),
  value: bytes<Bytes>(2),
  lease: id(3),
  prevKv: boolean(4),
  ignoreValue: boolean(5),
  ignoreLease: boolean(6),
});

export const PUT_RESPONSE: MessageType<PutResponse> = messageType('etcdserverpb.PutResponse', {
  header: message(1, () => HEADER),
  prevKv: optionalMessage(2, () => KEY_VALUE),
});

export const DELETE_RANGE_REQUEST: MessageType<DeleteRangeRequest> = messageType('etcdserverpb.DeleteRangeRequest', {
  key: bytes<Bytes>(1),
  rangeEnd: bytes<Bytes>(2),
  prevKv: boolean(3),
});

export const DELETE_RANGE_RESPONSE: MessageType<DeleteRangeResponse> = messageType('etcdserverpb.DeleteRangeResponse', {
  header: message(1, () => HEADER),
  deleted: int64(2),
  prevKvs: listOf.messages(3, () => KEY_VALUE),
});

export const COMPACTION_REQUEST: MessageType<CompactionRequest> = messageType('etcdserverpb.CompactionRequest', {
  revision: int64(1),
  physical: boolean(2),
});

export const COMPACTION_RESPONSE: MessageType<CompactionResponse> = messageType('etcdserverpb.CompactionResponse', {
  header: message(1, () => HEADER),
});

/**
 * The end of the range of all keys that begin with a prefix. (A prefix of bytes 255 alone has none: `\0` then, which etcd
 * takes for "to the last key".)
 */
export function prefixEnd(prefix: Bytes): Buffer {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] ?? 0;
    if (byte === 0xff) continue;
    end[at] = byte + 1;
    return end.subarray(0, at + 1);
  }
  return Buffer.from([0]);
}
