import {
  AUTHENTICATE_REQUEST,
  AUTHENTICATE_RESPONSE,
  type AuthenticateRequest,
  type AuthenticateResponse,
  EMPTY_REQUEST,
  MEMBER_LIST_RESPONSE,
  type MemberListResponse,
  STATUS_RESPONSE,
  type StatusResponse,
} from './cluster-messages.ts';
import {
  COMPACTION_REQUEST,
  COMPACTION_RESPONSE,
  type CompactionRequest,
  type CompactionResponse,
  DELETE_RANGE_REQUEST,
  DELETE_RANGE_RESPONSE,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  PUT_REQUEST,
  PUT_RESPONSE,
  type PutRequest,
  type PutResponse,
  RANGE_REQUEST,
  RANGE_RESPONSE,
  type RangeRequest,
  type RangeResponse,
} from './kv-messages.ts';
import {
  LEASE_GRANT_REQUEST,
  LEASE_GRANT_RESPONSE,
  LEASE_REVOKE_REQUEST,
  LEASE_REVOKE_RESPONSE,
  LEASE_TIME_TO_LIVE_REQUEST,
  LEASE_TIME_TO_LIVE_RESPONSE,
  type LeaseGrantRequest,
  type LeaseGrantResponse,
  type LeaseRequest,
  type LeaseRevokeResponse,
  type LeaseTimeToLiveRequest,
  type LeaseTimeToLiveResponse,
} from './lease-messages.ts';
import type { MessageType } from './message.ts';
import { TXN_REQUEST, TXN_RESPONSE, type TxnRequest, type TxnResponse } from './txn-messages.ts';

/** One procedure of etcd with one request and one answer. */
export interface Method<Q, A> {
  /** Its name in errors. */
  readonly name: string;
  readonly path: string;
  readonly request: MessageType<Q>;
  readonly response: MessageType<A>;
  /** Whether it may be sent again where the answer did not come: doing it twice is the same as once. */
  readonly isRepeatable: boolean;
  /** Whether it changes something, so that it matters whether it was done. */
  readonly isChange: boolean;
  /** Whether only a member that has a leader can answer. */
  readonly needsLeader: boolean;
}

export const RANGE: Method<RangeRequest, RangeResponse> = {
  name: 'range',
  path: '/etcdserverpb.KV/Range',
  request: RANGE_REQUEST,
  response: RANGE_RESPONSE,
  isRepeatable: true,
  isChange: false,
  needsLeader: true,
};

export const PUT: Method<PutRequest, PutResponse> = {
  name: 'put',
  path: '/etcdserverpb.KV/Put',
  request: PUT_REQUEST,
  response: PUT_RESPONSE,
  isRepeatable: false,
  isChange: true,
  needsLeader: true,
};

export const DELETE_RANGE: Method<DeleteRangeRequest, DeleteRangeResponse> = {
  name: 'delete',
  path: '/etcdserverpb.KV/DeleteRange',
  request: DELETE_RANGE_REQUEST,
  response: DELETE_RANGE_RESPONSE,
  isRepeatable: false,
  isChange: true,
  needsLeader: true,
};

export const TXN: Method<TxnRequest, TxnResponse> = {
  name: 'transaction',
  path: '/etcdserverpb.KV/Txn',
  request: TXN_REQUEST,
  response: TXN_RESPONSE,
  isRepeatable: false,
  isChange: true,
  needsLeader: true,
};

export const COMPACT: Method<CompactionRequest, CompactionResponse> = {
  name: 'compact',
  path: '/etcdserverpb.KV/Compact',
  request: COMPACTION_REQUEST,
  response: COMPACTION_RESPONSE,
  isRepeatable: false,
  isChange: true,
  needsLeader: true,
};

/** Repeatable: a lease that was granted without an answer has no keys, and ends by itself. */
export const LEASE_GRANT: Method<LeaseGrantRequest, LeaseGrantResponse> = {
  name: 'lease grant',
  path: '/etcdserverpb.Lease/LeaseGrant',
  request: LEASE_GRANT_REQUEST,
  response: LEASE_GRANT_RESPONSE,
  isRepeatable: true,
  isChange: true,
  needsLeader: true,
};

/** Repeatable: a second time it is `EXPIRED`, which is what its caller wanted. */
export const LEASE_REVOKE: Method<LeaseRequest, LeaseRevokeResponse> = {
  name: 'lease revoke',
  path: '/etcdserverpb.Lease/LeaseRevoke',
  request: LEASE_REVOKE_REQUEST,
  response: LEASE_REVOKE_RESPONSE,
  isRepeatable: true,
  isChange: true,
  needsLeader: true,
};

export const LEASE_TIME_TO_LIVE: Method<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse> = {
  name: 'lease timetolive',
  path: '/etcdserverpb.Lease/LeaseTimeToLive',
  request: LEASE_TIME_TO_LIVE_REQUEST,
  response: LEASE_TIME_TO_LIVE_RESPONSE,
  isRepeatable: true,
  isChange: false,
  needsLeader: true,
};

export const MEMBER_LIST: Method<Record<never, never>, MemberListResponse> = {
  name: 'member list',
  path: '/etcdserverpb.Cluster/MemberList',
  request: EMPTY_REQUEST,
  response: MEMBER_LIST_RESPONSE,
  isRepeatable: true,
  isChange: false,
  needsLeader: false,
};

export const STATUS: Method<Record<never, never>, StatusResponse> = {
  name: 'status',
  path: '/etcdserverpb.Maintenance/Status',
  request: EMPTY_REQUEST,
  response: STATUS_RESPONSE,
  isRepeatable: true,
  isChange: false,
  needsLeader: false,
};

export const AUTHENTICATE: Method<AuthenticateRequest, AuthenticateResponse> = {
  name: 'authenticate',
  path: '/etcdserverpb.Auth/Authenticate',
  request: AUTHENTICATE_REQUEST,
  response: AUTHENTICATE_RESPONSE,
  isRepeatable: true,
  isChange: false,
  needsLeader: true,
};
