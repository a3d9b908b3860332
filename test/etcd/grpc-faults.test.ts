import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { AUTHENTICATE_RESPONSE } from '../../lib/etcd/client/cluster-messages.ts';
import { Connection } from '../../lib/etcd/client/connection.ts';
import { Credentials } from '../../lib/etcd/client/credentials.ts';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { framed } from '../../lib/etcd/client/frame-reader.ts';
import { type Header, PUT_RESPONSE, RANGE_RESPONSE } from '../../lib/etcd/client/kv-messages.ts';
import { encode } from '../../lib/etcd/client/message.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { Clock } from '../../lib/time/clock.ts';
import { GrpcServer, type Request } from '../support/grpc-server.ts';
import { watched } from '../support/watched.ts';

const HEADER: Header = { clusterId: 1n, memberId: 2n, revision: 7, raftTerm: 3n };
const RANGE = encode(RANGE_RESPONSE, { header: HEADER, kvs: [], more: false, count: 0 });
const PUT = encode(PUT_RESPONSE, { header: HEADER, prevKv: undefined });
const UNAVAILABLE = 14;
const UNKNOWN = 2;

const servers: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serverThat(onRequest: (request: Request, number: number) => void): Promise<GrpcServer> {
  const server = await GrpcServer.start(onRequest);
  servers.push(server);
  return server;
}

/** A server of TCP that does as ordered with each connection; its endpoint. */
async function tcpServer(onSocket: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push({
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answers = (request: Request) => request.answer(request.path.endsWith('Put') ? PUT : RANGE);

test('a status in headers alone is read, and its message decoded', async () => {
  const server = await serverThat((request) => request.refuse(3, 'etcdserver: no%20%C3%BC, 100%'));
  await expect(server.client().put({ key: 'a' })).rejects.toMatchObject({
    code: 'REFUSED',
    status: { code: 3, message: 'etcdserver: no ü, 100%' },
  });
});

test('a message may arrive in single bytes', async () => {
  const server = await serverThat((request) => request.raw([...framed(RANGE)].map((byte) => Buffer.from([byte]))));
  expect((await server.client().range({ key: 'a' })).header.revision).toBe(7);
});

test('each call carries its deadline, and asks for a member that has a leader', async () => {
  const server = await serverThat(answers);
  await server.client().put({ key: 'a' }, { timeoutMs: 3_000 });
  const { headers } = server.requests[0] as Request;
  expect(headers['grpc-timeout']).toMatch(/^\d{1,4}m$/);
  expect(headers).toMatchObject({ hasleader: 'true', te: 'trailers', 'content-type': 'application/grpc' });
});

const MALFORMED: ReadonlyArray<[what: string, answer: (request: Request) => void]> = [
  ['a message that says it is 4 GB', (request) => request.raw([Buffer.from([0, 0xff, 0xff, 0xff, 0xff])])],
  ['a compressed message', (request) => request.raw([Buffer.from([1, 0, 0, 0, 0])])],
  ['an answer without a message', (request) => request.raw([])],
  ['two messages', (request) => request.raw([framed(PUT), framed(PUT)])],
  ['half a message', (request) => request.raw([framed(RANGE).subarray(0, 7)])],
  ['bytes that are no message', (request) => request.answer(Buffer.from([0x0a, 0x7f, 1]))],
];

test.each(MALFORMED)('%s is MALFORMED to a read, and leaves a write UNSURE', async (_, answer) => {
  const server = await serverThat(answer);
  await expect(server.client().range({ key: 'a' })).rejects.toMatchObject({ code: 'MALFORMED', operation: 'range' });
  await expect(server.client().put({ key: 'a' })).rejects.toMatchObject({ code: 'UNSURE', operation: 'put' });
  expect(server.requests).toHaveLength(2);
});

const BROKEN_OFF: ReadonlyArray<[what: string, breakOff: (request: Request) => void]> = [
  ['a stream that is reset', ({ stream }) => stream.close(2)],
  ['a connection that is cut', ({ stream }) => stream.session?.destroy()],
  ['an answer without a status', (request) => request.raw([framed(PUT)], {})],
  [
    'a proxy in front that has no server',
    ({ stream }) => {
      stream.respond({ ':status': 503, 'content-type': 'text/html' });
      stream.end('<h1>sorry</h1>');
    },
  ],
  ['a member that is stopping', (request) => request.refuse(UNAVAILABLE, 'etcdserver: server stopped')],
  ['a member that ran out of time', (request) => request.refuse(UNAVAILABLE, 'etcdserver: request timed out')],
  ['a member that waited for others in vain', (request) => request.refuse(UNKNOWN, 'context deadline exceeded')],
];

test.each(BROKEN_OFF)('%s leaves a write UNSURE, and it is not sent again; a read is', async (_, breakOff) => {
  const server = await serverThat((request, number) => (number <= 2 ? breakOff(request) : answers(request)));
  const client = server.client();
  await expect(client.put({ key: 'a' })).rejects.toMatchObject({ code: 'UNSURE' });
  expect(server.requests).toHaveLength(1);
  expect((await client.range({ key: 'a' })).header.revision).toBe(7);
  expect(server.requests).toHaveLength(3);
});

const NOT_BEGUN: ReadonlyArray<[what: string, refuse: (request: Request) => void]> = [
  ['refuses the stream', ({ stream }) => stream.close(7)],
  ['has no leader', (request) => request.refuse(UNAVAILABLE, 'etcdserver: no leader')],
  ['has too much to do', (request) => request.refuse(8, 'etcdserver: too many requests')],
];

test.each(NOT_BEGUN)('a write is sent again to a member that %s: it was surely not done', async (_, refuse) => {
  const server = await serverThat((request, number) => (number === 1 ? refuse(request) : answers(request)));
  expect((await server.client().put({ key: 'a' }, { timeoutMs: 20_000 })).header.revision).toBe(7);
  expect(server.requests).toHaveLength(2);
});

test('a write is sent again to a member that announces, as it ends, that it has not looked at it', async () => {
  const server = await serverThat((request, number) => {
    if (number === 2) request.stream.session?.goaway(0, 1);
    else answers(request);
  });
  const client = server.client();
  await client.put({ key: 'a' });
  expect((await client.put({ key: 'b' })).header.revision).toBe(7);
  expect([server.requests.length, server.sessions.length]).toEqual([3, 2]);
});

test('a write that a member has accepted before it announced its end is waited for', async () => {
  const server = await serverThat((request, number) => {
    if (number > 1) return answers(request);
    request.stream.session?.goaway(0, 1);
    setTimeout(() => answers(request), 1_500);
  });
  const client = server.client();
  const [first, second] = await Promise.all([
    client.put({ key: 'a' }, { timeoutMs: 20_000 }),
    new Promise((resolve) => setTimeout(resolve, 500)).then(() => client.put({ key: 'b' }, { timeoutMs: 20_000 })),
  ]);
  expect([first.header.revision, second.header.revision, server.sessions.length]).toEqual([7, 7, 2]);
});

test('a write that no member began is UNREACHABLE in the end, with the reason', async () => {
  const server = await serverThat((request) => request.refuse(UNAVAILABLE, 'etcdserver: no leader'));
  await expect(server.client().put({ key: 'a' }, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: expect.stringContaining('no leader'),
  });
});

test('a write without an answer is UNSURE when its time is over, a read is UNREACHABLE', async () => {
  const server = await serverThat(() => undefined);
  await expect(server.client().put({ key: 'a' }, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'UNSURE' });
  await expect(server.client().range({ key: 'a' }, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'UNREACHABLE' });
});

test('a write that is aborted after it was sent is UNSURE, with the reason of the signal as its cause', async () => {
  const controller = new AbortController();
  const server = await serverThat(() => controller.abort('enough'));
  await expect(server.client().put({ key: 'a' }, { signal: controller.signal })).rejects.toMatchObject({
    code: 'UNSURE',
    cause: 'enough',
  });
});

test('a caller may declare that a write can be done twice', async () => {
  const server = await serverThat((request, number) => (number === 1 ? request.stream.close(2) : answers(request)));
  await server.client().put({ key: 'a' }, { isRepeatable: true });
  expect(server.requests).toHaveLength(2);
});

test('such a write is UNSURE in the end if one attempt may have done it, whatever the others did', async () => {
  const server = await serverThat((request, number) =>
    number === 1 ? request.stream.close(2) : request.refuse(UNAVAILABLE, 'etcdserver: no leader'),
  );
  const put = server.client().put({ key: 'a' }, { isRepeatable: true, timeoutMs: 1_000 });
  await expect(put).rejects.toMatchObject({ code: 'UNSURE', message: expect.stringContaining('INTERNAL_ERROR') });
  expect(server.requests.length).toBeGreaterThan(1);
});

test('a client that is closed leaves a write that was sent UNSURE, and ends a read', async () => {
  const server = await serverThat(() => undefined);
  const client = server.client();
  const calls = [client.put({ key: 'a' }), client.range({ key: 'a' })].map((call) => call.catch(({ code }) => code));
  while (server.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  client.close();
  expect(await Promise.all(calls)).toEqual(['UNSURE', 'CLOSED']);
});

test('a read that has no answer after a second goes to the next member', async () => {
  const [slow, other] = [await serverThat(() => undefined), await serverThat(answers)];
  const client = slow.client([other.endpoint]);
  expect((await client.range({ key: 'a' }, { timeoutMs: 20_000 })).header.revision).toBe(7);
  expect([slow.requests.length, other.requests.length]).toEqual([1, 1]);
});

test('a write that has no answer after a second goes on waiting, and what comes later goes to the next member', async () => {
  let moved = () => {};
  const hasMoved = new Promise<void>((resolve) => {
    moved = resolve;
  });
  const slow = await serverThat(() => undefined);
  const other = await serverThat((request) => {
    if (request.path.endsWith('Watch')) moved();
    else answers(request);
  });
  const client = slow.client([other.endpoint]);
  const seen = watched(client, { key: 'a' });
  const write = client.put({ key: 'a' }, { timeoutMs: 25_000 });
  await hasMoved;
  expect(seen.interruptions.map(({ message }) => message)).toEqual(['it has not answered within 1000 ms']);
  await client.put({ key: 'b' });
  for (const request of slow.requests) if (request.path.endsWith('Put')) answers(request);
  expect((await write).header.revision).toBe(7);
  expect([slow, other].map(({ requests }) => requests.map(({ path }) => path.replace(/.*\//, '')).sort())).toEqual([
    ['Put', 'Watch'],
    ['Put', 'Watch'],
  ]);
});

test('an answer that arrives slowly is not cut off after a second, also where there are other members', async () => {
  const server = await serverThat((request) => {
    const frame = framed(RANGE);
    request.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    request.stream.on('wantTrailers', () => request.stream.sendTrailers({ 'grpc-status': '0' }));
    request.stream.write(frame.subarray(0, 6));
    setTimeout(() => request.stream.end(frame.subarray(6)), 1_800);
  });
  const client = server.client(['127.0.0.1:1']);
  expect((await client.range({ key: 'a' }, { timeoutMs: 20_000 })).header.revision).toBe(7);
  expect(server.requests).toHaveLength(1);
});

test('where nothing listens a write is UNREACHABLE, with each member and its reason', async () => {
  const client = new EtcdClient(parseEtcdUrl('etcd://127.0.0.1:1,[::1]:1'), { credentials: null });
  await expect(client.put({ key: 'a' }, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: expect.stringMatching(/127\.0\.0\.1:1: .*; \[::1\]:1: /),
  });
  client.close();
});

test('a member where nothing listens is passed over at once', async () => {
  const server = await serverThat(answers);
  const client = new EtcdClient(parseEtcdUrl(`etcd://127.0.0.1:1,${server.endpoint}`), { credentials: null });
  expect((await client.put({ key: 'a' })).header.revision).toBe(7);
  client.close();
});

test('a member that accepts connections and says nothing is left for the next one after a second', async () => {
  const silent = await tcpServer(() => undefined);
  const server = await serverThat(answers);
  const client = new EtcdClient(parseEtcdUrl(`etcd://${silent},${server.endpoint}`), { credentials: null });
  const start = performance.now();
  expect((await client.put({ key: 'a' }, { timeoutMs: 20_000 })).header.revision).toBe(7);
  expect(performance.now() - start).toBeGreaterThan(900);
  client.close();
});

test('a connection that is given up while its socket connects ends with that reason, and throws nothing into the host', async () => {
  let sockets = 0;
  let ended = () => {};
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const endpoint = await tcpServer((socket) => {
    sockets += 1;
    socket.resume().on('close', ended);
  });
  const thrown: unknown[] = [];
  const onThrown = (error: unknown) => thrown.push(error);
  process.on('uncaughtException', onThrown);
  // The time for it is over before the kernel has connected.
  const timer: Clock['timer'] = (_, __, callback) => {
    queueMicrotask(callback);
    return () => undefined;
  };
  const options = { clock: { ...nodeHost.clock, timer }, tls: null, maxBytes: 1_000 };
  const opens = Connection.open({ host: '127.0.0.1', port: Number(endpoint.split(':')[1]) }, options);
  await expect(opens).rejects.toThrow('has not answered within 1000 ms');
  await end;
  process.off('uncaughtException', onThrown);
  expect([sockets, thrown]).toEqual([1, []]);
});

test.each([
  ['HTTP/1', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['noise', '\x00\xff'.repeat(100)],
  ['a banner', 'SSH-2.0-OpenSSH_9.2\r\n'],
])('a port that speaks %s is UNREACHABLE', async (_, words) => {
  const endpoint = await tcpServer((socket) => socket.end(words));
  const client = new EtcdClient(parseEtcdUrl(`etcd://${endpoint}`), { credentials: null });
  await expect(client.put({ key: 'a' }, { timeoutMs: 400 })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  client.close();
});

test('while a call waits, a server that answers pings is given its time; one that falls silent is left', async () => {
  let upstream: net.Socket | undefined;
  const server = await serverThat((request, number) => {
    if (number > 1) return answers(request);
    // From here on nothing passes, in either direction, and no connection ends.
    upstream?.pause();
    upstream?.unpipe();
  });
  let connections = 0;
  const proxy = await tcpServer((socket) => {
    connections += 1;
    const [host, port] = server.endpoint.split(':');
    const up = net.connect(Number(port), host).on('error', () => undefined);
    socket.pipe(up);
    up.pipe(socket);
    up.on('data', () => undefined);
    upstream = up;
    socket.on('close', () => up.destroy());
  });
  const client = new EtcdClient(parseEtcdUrl(`etcd://${proxy}`), { credentials: null });
  await expect(client.put({ key: 'a' }, { timeoutMs: 25_000 })).rejects.toMatchObject({
    code: 'UNSURE',
    message: expect.stringContaining('has not answered a ping'),
  });
  expect((await client.put({ key: 'a' }, { timeoutMs: 20_000 })).header.revision).toBe(7);
  expect(connections).toBe(2);
  client.close();
});

test('a server that is slow, and answers pings, is waited for', async () => {
  const server = await serverThat((request) => setTimeout(() => answers(request), 2_000));
  expect((await server.client().put({ key: 'a' }, { timeoutMs: 25_000 })).header.revision).toBe(7);
  expect(server.requests).toHaveLength(1);
});

test('an expired token is replaced once, by one call for all who wait; a second refusal is DENIED', async () => {
  let [tokens, isBroken] = [0, false];
  const server = await serverThat((request) => {
    if (request.path.endsWith('Authenticate')) {
      tokens += 1;
      return request.answer(encode(AUTHENTICATE_RESPONSE, { header: HEADER, token: `token-${tokens}` }));
    }
    if (!isBroken && request.headers.token === 'token-2') return answers(request);
    request.refuse(16, 'etcdserver: invalid auth token');
  });
  const client = server.client([], new Credentials('alice', 'se-cret'));
  const all = await Promise.all([1, 2, 3].map(() => client.put({ key: 'a' })));
  expect([all.length, tokens]).toEqual([3, 2]);
  isBroken = true;
  const error = await client.put({ key: 'a' }).catch((reason) => reason);
  expect(error).toMatchObject({ code: 'DENIED' });
  expect(tokens).toBe(3);
  for (const text of [inspect(client, { depth: 9, showHidden: true }), inspect(error, { depth: 9, showHidden: true })])
    expect(text).not.toMatch(/se-cret|token-\d/);
});

test('a password that is wrong is DENIED at once, and is in no message', async () => {
  const words = 'etcdserver: authentication failed, invalid user ID or password';
  const server = await serverThat((request) => request.refuse(3, words));
  const error = await server
    .client([], new Credentials('alice', 'se-cret'))
    .put({ key: 'a' })
    .catch((reason) => reason);
  expect(error).toMatchObject({ code: 'DENIED', operation: 'authenticate' });
  expect(inspect(error, { depth: 9 })).not.toContain('se-cret');
  expect(server.requests).toHaveLength(1);
});

test('a cluster without users serves a client that has one', async () => {
  const server = await serverThat((request) =>
    request.path.endsWith('Authenticate')
      ? request.refuse(9, 'etcdserver: authentication is not enabled')
      : answers(request),
  );
  await server.client([], new Credentials('alice', 'se-cret')).put({ key: 'a' });
  expect(server.requests[1]?.headers.token).toBeUndefined();
});
