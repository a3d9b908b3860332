import { inspect } from 'node:util';
import { bootMs } from '../../host/boot-clock.ts';
import { nodeHost } from '../../host/node-host.ts';
import type { Clock } from '../../time/clock.ts';
import { stopwatch } from '../../time/stopwatch.ts';
import { Caller, type CallOptions } from './caller.ts';
import { Channel } from './channel.ts';
import type { MemberListResponse, StatusResponse } from './cluster-messages.ts';
import { Connection } from './connection.ts';
import { type Credentials, credentialsFrom } from './credentials.ts';
import { EtcdError } from './etcd-error.ts';
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
} from './kv-messages.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { LeaseGrantRequest, LeaseGrantResponse, LeaseTimeToLiveResponse } from './lease-messages.ts';
import type { StreamParts } from './long-stream.ts';
import * as methods from './methods.ts';
import { readTlsFiles } from './tls-files.ts';
import { Tokens } from './tokens.ts';
import type { TxnRequest, TxnResponse } from './txn-messages.ts';
import type { EtcdAddress } from './url.ts';
import { Watch, type WatchListener, type WatchOptions } from './watch.ts';

const MAX_MESSAGE_BYTES = 16 << 20;

/** The answer of every member of a cluster without users. */
const NO_USERS = 'authentication is not enabled';

/** The options of the calls to a cluster. */
export interface EtcdCallOptions {
  /** The user. Default: as the URL and the environment say (`$LOCKSTEP_ETCD_USER`, `$LOCKSTEP_ETCD_PASSWORD`). Null: none. */
  credentials?: Credentials | null;
  /** The largest message that is accepted, in bytes. Default 16 MB. */
  maxMessageBytes?: number;
}

export interface EtcdClientOptions extends EtcdCallOptions {
  clock?: Clock;
  /** The ms since boot, including suspension. */
  bootMs?: () => number;
}

/**
 * A client of one etcd cluster (version 3.4 or later), with one connection for everything. It connects when it is first
 * needed.
 *
 * Each call has a deadline, takes a signal, and rejects with an `EtcdError`. Errors never reach the process in another way.
 *
 * @example
 * const client = new EtcdClient(parseEtcdUrl('etcd://127.0.0.1:2379/demo'));
 * await client.put({ key: 'demo/a', value: '1' });
 * const { kvs, header } = await client.range({ key: 'demo/', rangeEnd: prefixEnd('demo/') });
 * client.close();
 */
export class EtcdClient {
  readonly #parts: StreamParts;
  readonly #caller: Caller;
  readonly #bootMs: () => number;
  readonly #place: string;

  /**
   * @throws {MisuseError} if there is a user and no password
   * @throws {StoreError} if a file that the address names cannot be read
   */
  constructor(address: EtcdAddress, options: EtcdClientOptions = {}) {
    const { clock = nodeHost.clock, maxMessageBytes: maxBytes = MAX_MESSAGE_BYTES } = options;
    const { tls, endpoints } = address;
    const credentials = options.credentials === undefined ? credentialsFrom(address) : options.credentials;
    if (tls !== null) readTlsFiles(tls);
    const channel = new Channel({
      clock,
      endpoints,
      connect: (endpoint) => Connection.open(endpoint, { clock, tls, maxBytes }),
    });
    const tokens = new Tokens(credentials === null ? null : () => this.#authenticate(credentials));
    this.#parts = { clock, channel, tokens };
    this.#caller = new Caller(clock, channel, tokens);
    this.#bootMs = options.bootMs ?? bootMs;
    this.#place = address.place;
  }

  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    return this.#caller.call(methods.RANGE, request, options);
  }

  put(request: PutRequest, options?: CallOptions): Promise<PutResponse> {
    return this.#caller.call(methods.PUT, request, options);
  }

  deleteRange(request: DeleteRangeRequest, options?: CallOptions): Promise<DeleteRangeResponse> {
    return this.#caller.call(methods.DELETE_RANGE, request, options);
  }

  /** Give `isRepeatable` for one that only reads. */
  txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse> {
    return this.#caller.call(methods.TXN, request, options);
  }

  /** Drops all revisions before this one. */
  compact(request: CompactionRequest, options?: CallOptions): Promise<CompactionResponse> {
    return this.#caller.call(methods.COMPACT, request, options);
  }

  /** Watches from `startRevision`, or from now on, until it is cancelled. */
  watch(options: WatchOptions, listener: WatchListener): Watch {
    return new Watch(this.#parts, options, listener);
  }

  /** Grants a lease, without keeping it alive. */
  grant(request: LeaseGrantRequest, options?: CallOptions): Promise<LeaseGrantResponse> {
    // With an id of the caller's own a second request would be refused, and the first one not be known of.
    const isRepeatable = request.id === undefined || request.id === 0n;
    return this.#caller.call(methods.LEASE_GRANT, request, { isRepeatable, ...options });
  }

  /** Grants a lease, and keeps it alive. `ttlMs` is rounded up to seconds. */
  async keepLease(ttlMs: number, options?: CallOptions): Promise<LeaseKeeper> {
    const sinceSent = stopwatch(this.#parts.clock, this.#bootMs);
    const { id, ttl } = await this.grant({ ttl: Math.ceil(ttlMs / 1_000) }, options);
    return new LeaseKeeper(this.#parts, { id, ttlMs: ttl * 1_000, sinceSent, bootMs: this.#bootMs });
  }

  /** Ends a lease and deletes its keys; nothing if there is none. */
  async revoke(id: bigint, options?: CallOptions): Promise<void> {
    try {
      await this.#caller.call(methods.LEASE_REVOKE, { id }, options);
    } catch (error) {
      if (!(error instanceof EtcdError && error.code === 'EXPIRED')) throw error;
    }
  }

  timeToLive(id: bigint, { keys = false } = {}, options?: CallOptions): Promise<LeaseTimeToLiveResponse> {
    return this.#caller.call(methods.LEASE_TIME_TO_LIVE, { id, keys }, options);
  }

  members(options?: CallOptions): Promise<MemberListResponse> {
    return this.#caller.call(methods.MEMBER_LIST, {}, options);
  }

  /** The state of whichever member answers, also of one without a leader. */
  status(options?: CallOptions): Promise<StatusResponse> {
    return this.#caller.call(methods.STATUS, {}, options);
  }

  /** Ends the connection. Calls that wait reject, watches end with `CLOSED`; leases end by themselves. Idempotent. */
  close(): void {
    this.#parts.channel.close(new Error('the client was closed'));
  }

  [inspect.custom](): string {
    return `EtcdClient(${this.#place})`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  async #authenticate(credentials: Credentials): Promise<string | null> {
    const request = { name: credentials.user, password: credentials.password() };
    try {
      // Those who wait for the token keep the process alive as their calls do.
      return (await this.#caller.call(methods.AUTHENTICATE, request, { keepAlive: false })).token;
    } catch (error) {
      if (error instanceof EtcdError && error.status?.message.includes(NO_USERS)) return null;
      throw error;
    }
  }
}
