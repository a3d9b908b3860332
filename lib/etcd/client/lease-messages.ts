import { boolean, id, int64, listOf, message, text } from './field.ts';
import { HEADER, type Header } from './kv-messages.ts';
import { type MessageType, messageType } from './message.ts';

/** Times to live are whole seconds here, as on the wire. */

export interface LeaseGrantRequest {
  ttl: number;
  /** 0n, or not given: the server chooses it. */
  id?: bigint;
}

export interface LeaseGrantResponse {
  header: Header;
  id: bigint;
  /** The time that the server chose: at least the requested one. */
  ttl: number;
  error: string;
}

export interface LeaseRequest {
  id: bigint;
}

export interface LeaseRevokeResponse {
  header: Header;
}

export interface LeaseKeepAliveResponse {
  header: Header;
  id: bigint;
  /** 0 or less: there is no such lease any more. */
  ttl: number;
}

export interface LeaseTimeToLiveRequest extends LeaseRequest {
  /** Whether to list the lease's keys. */
  keys?: boolean;
}

export interface LeaseTimeToLiveResponse {
  header: Header;
  id: bigint;
  /** The seconds that are left; -1: there is no such lease any more. */
  ttl: number;
  grantedTtl: number;
  keys: readonly Buffer[];
}

export const LEASE_GRANT_REQUEST: MessageType<LeaseGrantRequest> = messageType('etcdserverpb.LeaseGrantRequest', {
  ttl: int64(1),
  id: id(2),
});

export const LEASE_GRANT_RESPONSE: MessageType<LeaseGrantResponse> = messageType('etcdserverpb.LeaseGrantResponse', {
  header: message(1, () => HEADER),
  id: id(2),
  ttl: int64(3),
  error: text(4),
});

export const LEASE_REVOKE_REQUEST: MessageType<LeaseRequest> = messageType('etcdserverpb.LeaseRevokeRequest', {
  id: id(1),
});

export const LEASE_REVOKE_RESPONSE: MessageType<LeaseRevokeResponse> = messageType('etcdserverpb.LeaseRevokeResponse', {
  header: message(1, () => HEADER),
});

export const LEASE_KEEP_ALIVE_REQUEST: MessageType<LeaseRequest> = messageType('etcdserverpb.LeaseKeepAliveRequest', {
  id: id(1),
});

export const LEASE_KEEP_ALIVE_RESPONSE: MessageType<LeaseKeepAliveResponse> = messageType(
  'etcdserverpb.LeaseKeepAliveResponse',
  { header: message(1, () => HEADER), id: id(2), ttl: int64(3) },
);

export const LEASE_TIME_TO_LIVE_REQUEST: MessageType<LeaseTimeToLiveRequest> = messageType(
  'etcdserverpb.LeaseTimeToLiveRequest',
  { id: id(1), keys: boolean(2) },
);

export const LEASE_TIME_TO_LIVE_RESPONSE: MessageType<LeaseTimeToLiveResponse> = messageType(
  'etcdserverpb.LeaseTimeToLiveResponse',
  { header: message(1, () => HEADER), id: id(2), ttl: int64(3), grantedTtl: int64(4), keys: listOf.bytes(5) },
);
