import { afterEach, expect, test } from 'vitest';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { framed } from '../../lib/etcd/client/frame-reader.ts';
import type { Header } from '../../lib/etcd/client/kv-messages.ts';
import { LEASE_GRANT_RESPONSE, LEASE_KEEP_ALIVE_RESPONSE } from '../../lib/etcd/client/lease-messages.ts';
import { encode } from '../../lib/etcd/client/message.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { bootMs } from '../../lib/host/boot-clock.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { Clock } from '../../lib/time/clock.ts';
import { stopwatch } from '../../lib/time/stopwatch.ts';
import { GrpcServer, type Request } from '../support/grpc-server.ts';

const HEADER: Header = { clusterId: 1n, memberId: 2n, revision: 7, raftTerm: 3n };
const TTL = 10;

const closers: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Real timers, and clocks that a test can put forward: the monotonic one, and the one that goes on in suspension. */
class Clocks implements Clock {
  aheadMs = 0;
  suspendedMs = 0;
  wallMicros = () => nodeHost.clock.wallMicros();
  sleep = (ms: number) => nodeHost.clock.sleep(ms);
  timer: Clock['timer'] = (ms, keepAlive, callback) => nodeHost.clock.timer(ms, keepAlive, callback);
  monotonicMs = () => nodeHost.clock.monotonicMs() + this.aheadMs;
  bootMs = () => bootMs() + this.aheadMs + this.suspendedMs;
}

/** A server of leases that answers keep-alives as ordered. */
async function leaseOn(onKeepAlive: (request: Request, number: number) => void, clocks: Clocks) {
  let keepAlives = 0;
  const server = await GrpcServer.start((request) => {
    if (request.path.endsWith('LeaseGrant')) {
      const message = encode(LEASE_GRANT_RESPONSE, { header: HEADER, id: 9n, ttl: TTL, error: '' });
      return request.answer(message);
    }
    request.stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    request.stream.on('data', () => {
      keepAlives += 1;
      onKeepAlive(request, keepAlives);
    });
  });
  const address = parseEtcdUrl(`etcd://${server.endpoint}`);
  const client = new EtcdClient(address, { credentials: null, clock: clocks, bootMs: clocks.bootMs });
  closers.push(
    () => server.stop(),
    () => client.close(),
  );
  return { client, lease: await client.keepLease(TTL * 1_000), keepAlives: () => keepAlives };
}

const alive = (ttl = TTL) => framed(encode(LEASE_KEEP_ALIVE_RESPONSE, { header: HEADER, id: 9n, ttl }));
const lost = ({ lost: signal }: { lost: AbortSignal }) =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', resolve);
  });

test('a lease surely lives for nine tenths of its time from the sending of the request', async () => {
  const clocks = new Clocks();
  const { lease } = await leaseOn(() => undefined, clocks);
  expect(lease.remainingMs()).toBeLessThanOrEqual(9_000);
  clocks.aheadMs += 8_000;
  expect(lease.isAlive).toBe(true);
  clocks.aheadMs += 1_000;
  expect([lease.isAlive, lease.remainingMs()]).toEqual([false, 0]);
  await lost(lease);
  expect(lease.lost.reason).toMatchObject({ code: 'EXPIRED', message: expect.stringContaining('lease 9') });
});

test('time for which the machine was suspended counts', async () => {
  const clocks = new Clocks();
  const { lease } = await leaseOn(() => undefined, clocks);
  clocks.suspendedMs += 9_000;
  expect(lease.isAlive).toBe(false);
  await lost(lease);
});

test('an answer counts from its request, not from its arrival; and one that comes too late revives nothing', async () => {
  const clocks = new Clocks();
  let answer = () => {};
  const { lease, keepAlives } = await leaseOn((request, number) => {
    answer = () => request.stream.write(alive());
    if (number > 2) return;
    if (number === 2) clocks.aheadMs += 5_000;
    answer();
  }, clocks);
  while (keepAlives() < 2 || lease.remainingMs() < 3_500) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(lease.remainingMs()).toBeLessThanOrEqual(4_000);
  while (keepAlives() < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  clocks.aheadMs += 4_000;
  expect(lease.isAlive).toBe(false);
  answer();
  await lost(lease);
  expect(lease.isAlive).toBe(false);
});

test('it is kept alive every second, and lives on', async () => {
  const clocks = new Clocks();
  const { lease, keepAlives } = await leaseOn((request) => request.stream.write(alive()), clocks);
  while (keepAlives() < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(lease.remainingMs()).toBeGreaterThan(7_000);
});

test('a server that has ended it says so, and it is lost at once', async () => {
  const { lease } = await leaseOn((request) => request.stream.write(alive(0)), new Clocks());
  await lost(lease);
  expect(lease.lost.reason.message).toContain('the server has ended it');
});

test('once it is stopped it is kept alive no longer, and is lost in time', async () => {
  const clocks = new Clocks();
  const { lease, keepAlives } = await leaseOn((request) => request.stream.write(alive()), clocks);
  while (keepAlives() < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  lease.stop();
  expect(lease.isAlive).toBe(true);
  clocks.aheadMs += 9_000;
  await lost(lease);
  expect(keepAlives()).toBe(1);
});

test('a stopwatch goes by whichever clock has gone further', () => {
  const clocks = new Clocks();
  const sinceMs = stopwatch(clocks, clocks.bootMs);
  expect(sinceMs()).toBeLessThan(500);
  clocks.suspendedMs += 60_000;
  expect(sinceMs()).toBeGreaterThanOrEqual(60_000);
});
