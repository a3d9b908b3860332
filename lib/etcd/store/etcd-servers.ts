import type { ServerReading, Servers, StoreKeysReading } from '../../store/servers.ts';
import type { Clock } from '../../time/clock.ts';
import type { Credentials } from '../client/credentials.ts';
import { type Endpoint, endpointName } from '../client/endpoint.ts';
import { EtcdClient } from '../client/etcd-client.ts';
import type { EtcdAddress } from '../client/url.ts';
import type { StoreKeys } from './keys.ts';
import { tooBusy } from './store-failure.ts';

/** A server that takes longer does not count as one that answers. */
const ANSWER_MS = 2_000;
const NONE = { version: '', hasLeader: false, isLeader: false, alarms: [], databaseBytes: 0, usedBytes: 0 };

export interface EtcdServersOptions {
  readonly client: EtcdClient;
  readonly address: EtcdAddress;
  readonly credentials: Credentials | null;
  readonly keys: StoreKeys;
  readonly clock: Clock;
}

/** The members of a cluster, and the keys of a store on it, for an examination. */
export class EtcdServers implements Servers {
  readonly ttlMs: number;
  readonly isEncrypted: boolean;
  readonly user: string | null;
  readonly #options: EtcdServersOptions;

  constructor(options: EtcdServersOptions) {
    const { address, credentials } = options;
    this.#options = options;
    this.ttlMs = address.ttlMs;
    this.isEncrypted = address.tls !== null;
    this.user = credentials?.user ?? null;
  }

  read(): Promise<ServerReading[]> {
    return Promise.all(this.#options.address.endpoints.map((endpoint) => this.#ask(endpoint)));
  }

  async #ask(endpoint: Endpoint): Promise<ServerReading> {
    const { address, credentials, clock } = this.#options;
    const at = endpointName(endpoint);
    const client = new EtcdClient({ ...address, endpoints: [endpoint] }, { credentials });
    const began = clock.monotonicMs();
    try {
      const { version, leader, header, errors, dbSize, dbSizeInUse } = await client.status({ timeoutMs: ANSWER_MS });
      const tookMs = clock.monotonicMs() - began;
      const sizes = { databaseBytes: dbSize, usedBytes: dbSizeInUse };
      const isLeader = leader !== 0n && leader === header.memberId;
      return { at, failure: null, version, tookMs, hasLeader: leader !== 0n, isLeader, alarms: errors, ...sizes };
    } catch (error) {
      return { at, failure: (error as Error).message, tookMs: clock.monotonicMs() - began, ...NONE };
    } finally {
      client.close();
    }
  }

  async keys(): Promise<StoreKeysReading> {
    const { client, keys } = this.#options;
    const [{ kvs }, found] = await Promise.all([
      client.range({ ...keys.all, keysOnly: true }),
      client.range({ key: keys.base }),
    ]);
    const endless = kvs.filter(({ lease }) => lease === 0n).map(({ key }) => key.toString());
    const base = found.kvs[0]?.value.toString();
    return {
      leftovers: endless.filter((key) => ['why', 'void'].includes(keys.roomOf(key))),
      endless: endless.filter((key) => keys.roomOf(key) === 'line'),
      base: base === undefined ? null : Number(base),
    };
  }

  async sweep(leftovers: readonly string[]): Promise<number> {
    let swept = 0;
    for (const key of leftovers)
      swept += (await this.#options.client.deleteRange({ key }, { isRepeatable: true })).deleted;
    return swept;
  }

  /** Now, in µs: a store has fewer revisions than that, so all tickets that it ever gave are below. */
  async renewBase(): Promise<number> {
    const { client, keys, clock, address } = this.#options;
    const { kvs, header } = await client.range({ key: keys.base });
    const [kv] = kvs;
    const old = Number(kv?.value.toString() ?? 0);
    const base = Math.max(Math.floor(clock.wallMicros()), old + header.revision);
    const { succeeded } = await client.txn({
      compare: [{ key: keys.base, result: 'equal', target: 'mod', modRevision: kv?.modRevision ?? 0 }],
      success: [{ put: { key: keys.base, value: String(base) } }],
    });
    if (!succeeded) throw tooBusy('base', address.place);
    return base;
  }
}
