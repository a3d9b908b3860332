import { type Bytes, boolean, bytes, listOf, message, unionOf, word } from './field.ts';
import {
  DELETE_RANGE_REQUEST,
  DELETE_RANGE_RESPONSE,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  HEADER,
  type Header,
  PUT_REQUEST,
  PUT_RESPONSE,
  type PutRequest,
  type PutResponse,
  RANGE_REQUEST,
  RANGE_RESPONSE,
  type RangeRequest,
  type RangeResponse,
} from './kv-messages.ts';
import { type MessageType, messageType } from './message.ts';

/** One comparison of a transaction. Exactly the member that `target` names is to be given, also if it is 0. */
export interface Compare {
  key: Bytes;
  /** Compares every key of the range: it holds only if it holds for all. */
  rangeEnd?: Bytes;
  result: 'equal' | 'greater' | 'less' | 'notEqual';
  target: 'version' | 'create' | 'mod' | 'value' | 'lease';
  version?: number | undefined;
  createRevision?: number | undefined;
  modRevision?: number | undefined;
  value?: Bytes | undefined;
  lease?: bigint | undefined;
}

/** One operation of a transaction: exactly one member is given. */
export interface RequestOp {
  range?: RangeRequest | undefined;
  put?: PutRequest | undefined;
  deleteRange?: DeleteRangeRequest | undefined;
  txn?: TxnRequest | undefined;
}

/** The answer to the operation in the same place: the member of the same name. */
export interface ResponseOp {
  range: RangeResponse | undefined;
  put: PutResponse | undefined;
  deleteRange: DeleteRangeResponse | undefined;
  txn: TxnResponse | undefined;
}

/** A server evaluates all comparisons first, those of transactions within it too; then it does the operations in order. */
export interface TxnRequest {
  /** All must hold for `success` to be done. None: it is. */
  compare?: readonly Compare[];
  success?: readonly RequestOp[];
  failure?: readonly RequestOp[];
}

export interface TxnResponse {
  header: Header;
  succeeded: boolean;
  responses: readonly ResponseOp[];
}

export const COMPARE: MessageType<Compare> = messageType('etcdserverpb.Compare', {
  result: word(1, ['equal', 'greater', 'less', 'notEqual']),
  target: word(2, ['version', 'create', 'mod', 'value', 'lease']),
  key: bytes<Bytes>(3),
  version: unionOf.int64(4),
  createRevision: unionOf.int64(5),
  modRevision: unionOf.int64(6),
  value: unionOf.bytes<Bytes>(7),
  lease: unionOf.id(8),
  rangeEnd: bytes<Bytes>(64),
});

export const REQUEST_OP: MessageType<RequestOp> = messageType('etcdserverpb.RequestOp', {
  range: unionOf.message(1, () => RANGE_REQUEST),
  put: unionOf.message(2, () => PUT_REQUEST),
  deleteRange: unionOf.message(3, () => DELETE_RANGE_REQUEST),
  txn: unionOf.message(4, () => TXN_REQUEST),
});

export const RESPONSE_OP: MessageType<ResponseOp> = messageType('etcdserverpb.ResponseOp', {
  range: unionOf.message(1, () => RANGE_RESPONSE),
  put: unionOf.message(2, () => PUT_RESPONSE),
  deleteRange: unionOf.message(3, () => DELETE_RANGE_RESPONSE),
  txn: unionOf.message(4, () => TXN_RESPONSE),
});

export const TXN_REQUEST: MessageType<TxnRequest> = messageType('etcdserverpb.TxnRequest', {
  compare: listOf.messages(1, () => COMPARE),
  success: listOf.messages(2, () => REQUEST_OP),
  failure: listOf.messages(3, () => REQUEST_OP),
});

export const TXN_RESPONSE: MessageType<TxnResponse> = messageType('etcdserverpb.TxnResponse', {
  header: message(1, () => HEADER),
  succeeded: boolean(2),
  responses: listOf.messages(3, () => RESPONSE_OP),
});
