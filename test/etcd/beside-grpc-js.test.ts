import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import type { EtcdError } from '../../lib/etcd/client/etcd-error.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { PROTO } from './reference-codec.ts';

const OPTIONS = { keepCase: false, longs: String, enums: String, defaults: true } as const;

describe.skipIf(!HAS_ETCD)('beside @grpc/grpc-js', { timeout: 60_000 }, () => {
  let cluster: EtcdCluster;
  let ours: EtcdClient;
  let call: (service: string, method: string, request: object) => Promise<Record<string, unknown>>;
  let close: () => void;

  beforeAll(async () => {
    cluster = await EtcdCluster.start();
    ours = cluster.client();
    const definition = loadPackageDefinition(loadSync(PROTO, OPTIONS)) as unknown as {
      etcdserverpb: Record<string, ServiceClientConstructor>;
    };
    const endpoint = cluster.members[0]?.endpoint ?? '';
    const clients = Object.entries(definition.etcdserverpb).flatMap(([name, Service]) =>
      typeof Service === 'function' ? [[name, new Service(endpoint, credentials.createInsecure())] as const] : [],
    );
    close = () => {
      for (const [, client] of clients) client.close();
    };
    call = (service, method, request) =>
      new Promise((resolve, reject) => {
        const client = new Map(clients).get(service);
        const done = (error: ServiceError | null, answer: unknown) =>
          error === null ? resolve(answer as Record<string, unknown>) : reject(error);
        client?.[method]?.(request, new Metadata(), done);
      });
  }, 90_000);
  afterAll(async () => {
    close?.();
    await cluster?.stop();
  });

  test('both read what either wrote, with the same numbers', async () => {
    const lease = await ours.grant({ ttl: 60 });
    await ours.put({ key: 'a', value: 'ours', lease: lease.id });
    await call('KV', 'Put', { key: Buffer.from('b'), value: Buffer.from('theirs') });
    const mine = await ours.range({ key: 'a', rangeEnd: 'z' });
    const theirs = await call('KV', 'Range', { key: Buffer.from('a'), rangeEnd: Buffer.from('z') });
    const inTheirForm = (value: unknown): unknown => {
      if (typeof value === 'number' || typeof value === 'bigint') return String(value);
      if (Array.isArray(value)) return value.map(inTheirForm);
      if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inTheirForm(one)]));
    };
    expect(inTheirForm(mine)).toEqual(theirs);
  });

  const REFUSED: ReadonlyArray<[string, string, object, (client: EtcdClient) => Promise<unknown>]> = [
    ['KV', 'Put', { key: '' }, (client) => client.put({ key: '' })],
    ['KV', 'Compact', { revision: 1e9 }, (client) => client.compact({ revision: 1e9 })],
    ['KV', 'Put', { key: Buffer.from('a'), lease: 77 }, (client) => client.put({ key: 'a', lease: 77n })],
    ['Lease', 'LeaseGrant', { TTL: 1e12 }, (client) => client.grant({ ttl: 1e12 })],
  ];

  test.each(REFUSED)(
    '%s.%s is refused to both with the same status and words',
    async (service, method, request, act) => {
      const theirs = (await call(service, method, request).catch((error) => error)) as ServiceError;
      const mine = (await act(ours).catch((error) => error)) as EtcdError;
      expect(theirs.code).toBeGreaterThan(0);
      expect(mine.status).toEqual({ code: theirs.code, message: theirs.details });
    },
  );
});
