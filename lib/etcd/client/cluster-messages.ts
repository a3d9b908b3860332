import { boolean, int64, listOf, message, text, unsignedId } from './field.ts';
import { HEADER, type Header } from './kv-messages.ts';
import { type MessageType, messageType } from './message.ts';

export interface Member {
  id: bigint;
  name: string;
  peerUrls: readonly string[];
  clientUrls: readonly string[];
  isLearner: boolean;
}

export interface MemberListResponse {
  header: Header;
  members: readonly Member[];
}

export interface StatusResponse {
  header: Header;
  /** The server's version: `3.4.23`. */
  version: string;
  dbSize: number;
  /** The leader's member id; 0n: there is none. */
  leader: bigint;
  raftIndex: bigint;
  raftTerm: bigint;
  raftAppliedIndex: bigint;
  /** Alarms, in words. */
  errors: readonly string[];
  dbSizeInUse: number;
  isLearner: boolean;
}

export interface AuthenticateRequest {
  name: string;
  password: string;
}

export interface AuthenticateResponse {
  header: Header;
  token: string;
}

export const EMPTY_REQUEST: MessageType<Record<never, never>> = messageType('etcdserverpb.StatusRequest', {});

export const MEMBER: MessageType<Member> = messageType('etcdserverpb.Member', {
  id: unsignedId(1),
  name: text(2),
  peerUrls: listOf.texts(3),
  clientUrls: listOf.texts(4),
  isLearner: boolean(5),
});

export const MEMBER_LIST_RESPONSE: MessageType<MemberListResponse> = messageType('etcdserverpb.MemberListResponse', {
  header: message(1, () => HEADER),
  members: listOf.messages(2, () => MEMBER),
});

export const STATUS_RESPONSE: MessageType<StatusResponse> = messageType('etcdserverpb.StatusResponse', {
  header: message(1, () => HEADER),
  version: text(2),
  dbSize: int64(3),
  leader: unsignedId(4),
  raftIndex: unsignedId(5),
  raftTerm: unsignedId(6),
  raftAppliedIndex: unsignedId(7),
  errors: listOf.texts(8),
  dbSizeInUse: int64(9),
  isLearner: boolean(10),
});

export const AUTHENTICATE_REQUEST: MessageType<AuthenticateRequest> = messageType('etcdserverpb.AuthenticateRequest', {
  name: text(1),
  password: text(2),
});

export const AUTHENTICATE_RESPONSE: MessageType<AuthenticateResponse> = messageType(
  'etcdserverpb.AuthenticateResponse',
  { header: message(1, () => HEADER), token: text(2) },
);
