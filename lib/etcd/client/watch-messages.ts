import { type Bytes, boolean, bytes, int64, listOf, message, optionalMessage, text, unionOf, word } from './field.ts';
import { HEADER, type Header, KEY_VALUE, type KeyRange, type KeyValue } from './kv-messages.ts';
import { type MessageType, messageType } from './message.ts';

export interface WatchCreateRequest extends KeyRange {
  /** The first revision to report; 0: the first from now on. */
  startRevision?: number;
  progressNotify?: boolean;
  /** Events not to report. */
  filters?: readonly ('noPut' | 'noDelete')[];
  prevKv?: boolean;
  watchId?: number;
  fragment?: boolean;
}

export interface WatchRequest {
  create?: WatchCreateRequest | undefined;
  cancel?: { watchId: number } | undefined;
  progress?: Record<never, never> | undefined;
}

export interface WatchEvent {
  type: 'put' | 'delete';
  /** Of a deletion: the key, and the deletion's revision as `modRevision`. */
  kv: KeyValue;
  prevKv: KeyValue | undefined;
}

export interface WatchResponse {
  header: Header;
  watchId: number;
  created: boolean;
  canceled: boolean;
  /** The oldest revision that is left, where a watch was to begin before it; else 0. */
  compactRevision: number;
  cancelReason: string;
  /** Whether more events of the same revisions follow. */
  fragment: boolean;
  events: readonly WatchEvent[];
}

export const WATCH_CREATE_REQUEST: MessageType<WatchCreateRequest> = messageType('etcdserverpb.WatchCreateRequest', {
  key: bytes<Bytes>(1),
  rangeEnd: bytes<Bytes>(2),
  startRevision: int64(3),
  progressNotify: boolean(4),
  filters: listOf.words(5, ['noPut', 'noDelete']),
  prevKv: boolean(6),
  watchId: int64(7),
  fragment: boolean(8),
});

export const WATCH_CANCEL_REQUEST: MessageType<{ watchId: number }> = messageType('etcdserverpb.WatchCancelRequest', {
  watchId: int64(1),
});

export const WATCH_PROGRESS_REQUEST: MessageType<Record<never, never>> = messageType(
  'etcdserverpb.WatchProgressRequest',
  {},
);

export const WATCH_REQUEST: MessageType<WatchRequest> = messageType('etcdserverpb.WatchRequest', {
  create: unionOf.message(1, () => WATCH_CREATE_REQUEST),
  cancel: unionOf.message(2, () => WATCH_CANCEL_REQUEST),
  progress: unionOf.message(3, () => WATCH_PROGRESS_REQUEST),
});

export const EVENT: MessageType<WatchEvent> = messageType('mvccpb.Event', {
  type: word(1, ['put', 'delete']),
  kv: message(2, () => KEY_VALUE),
  prevKv: optionalMessage(3, () => KEY_VALUE),
});

export const WATCH_RESPONSE: MessageType<WatchResponse> = messageType('etcdserverpb.WatchResponse', {
  header: message(1, () => HEADER),
  watchId: int64(2),
  created: boolean(3),
  canceled: boolean(4),
  compactRevision: int64(5),
  cancelReason: text(6),
  fragment: boolean(7),
  events: listOf.messages(11, () => EVENT),
});
