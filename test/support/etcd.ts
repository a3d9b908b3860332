import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Credentials } from '../../lib/etcd/client/credentials.ts';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';

/** A hang guard: a loaded machine takes long to elect a leader. */
const START_MS = 60_000;

/** Whether there is an etcd here. Where there is none, its tests are skipped, and a word says so. */
export const HAS_ETCD = ['etcd', 'etcdctl'].every((name) =>
  (process.env.PATH ?? '').split(':').some((directory) => fs.existsSync(path.join(directory, name))),
);
if (!HAS_ETCD) console.warn('left out: the tests with a real etcd (Debian: etcd-server etcd-client)');

/** Their data is of no use after a crash: in memory they do not wait for a disk. */
const PLACE = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();

export interface ServerOptions {
  /** More words for etcd's command line. */
  args?: readonly string[];
  tls?: { ca: string; cert: string; key: string };
}

/** One member, as a process of its own. */
export class EtcdServer {
  readonly port: number;
  readonly #args: readonly string[];
  readonly #tls: ServerOptions['tls'];
  #child: ChildProcess | null = null;
  #output = '';

  constructor(port: number, args: readonly string[], tls: ServerOptions['tls']) {
    this.port = port;
    this.#args = args;
    this.#tls = tls;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  start(): void {
    const child = spawn('etcd', this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        this.#output = (this.#output + chunk).slice(-20_000);
      });
    this.#child = child;
  }

  /** After SIGSTOP none of its threads runs any more: the kernel stops them one after the other. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
    if (signal === 'SIGSTOP') while (!this.#isStopped);
  }

  get #isStopped(): boolean {
    const states = fs.readdirSync(`/proc/${this.pid}/task`).map((tid) => {
      const stat = fs.readFileSync(`/proc/${this.pid}/task/${tid}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2)[0];
    });
    return states.every((state) => state === 'T');
  }

  /** Ends it, also where it is stopped. Its data stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Runs etcdctl against it. */
  control(...words: string[]): string {
    const tls =
      this.#tls === undefined ? [] : ['--cacert', this.#tls.ca, '--cert', this.#tls.cert, '--key', this.#tls.key];
    const endpoint = `${this.#tls === undefined ? 'http' : 'https'}://${this.endpoint}`;
    const env = { ...process.env, ETCDCTL_API: '3' };
    return execFileSync('etcdctl', ['--endpoints', endpoint, ...tls, ...words], { encoding: 'utf8', env });
  }
}

/** A cluster with a folder of its own, on free ports of the loopback. */
export class EtcdCluster {
  readonly members: readonly EtcdServer[];
  readonly directory: string;
  readonly #clients: EtcdClient[] = [];

  private constructor(members: readonly EtcdServer[], directory: string) {
    this.members = members;
    this.directory = directory;
  }

  /** Starts a cluster, and resolves when it answers. */
  static async start(size = 1, options: ServerOptions = {}): Promise<EtcdCluster> {
    const directory = fs.mkdtempSync(path.join(PLACE, 'lockstep-etcd-'));
    const ports = await freePorts(size * 2);
    const peers = ports.slice(size).map((port, at) => `m${at}=http://127.0.0.1:${port}`);
    const members = ports.slice(0, size).map((port, at) => memberOf(directory, peers, at, port, options));
    const cluster = new EtcdCluster(members, directory);
    for (const member of members) member.start();
    if (options.tls === undefined) await cluster.answers();
    return cluster;
  }

  /**
   * Starts a server that knows users: `root`, with the password `root-secret`, and `alice`, with `alice-secret`, who may read and
   * write what is under `alice/`.
   */
  static async startWithUsers(args: readonly string[] = []): Promise<EtcdCluster> {
    const cluster = await EtcdCluster.start(1, { args: ['--auth-token=simple', '--bcrypt-cost=4', ...args] });
    const control = (...words: string[]) => cluster.members[0]?.control(...words);
    control('user', 'add', 'root:root-secret');
    control('user', 'add', 'alice:alice-secret');
    control('role', 'add', 'own');
    control('role', 'grant-permission', 'own', 'readwrite', 'alice/', '--prefix');
    control('user', 'grant-role', 'alice', 'own');
    control('auth', 'enable');
    return cluster;
  }

  /** Resolves when every member that runs takes writes. */
  async answers(members = this.members): Promise<void> {
    const key = 'the-tests-of-lockstep-began';
    for (const member of members) {
      const client = this.client([member], '', null);
      // A put of this key may well be done twice.
      await client.put({ key, value: '1' }, { timeoutMs: START_MS, isRepeatable: true }).catch((error) => {
        throw new Error(`etcd did not start: ${error.message}\n${member.output}`);
      });
      client.close();
    }
  }

  /** A client of these members. Closed with the cluster. */
  client(members = this.members, query = '', credentials: Credentials | null = null, scheme = 'etcd'): EtcdClient {
    const hosts = members.map(({ endpoint }) => endpoint).join(',');
    const client = new EtcdClient(parseEtcdUrl(`${scheme}://${hosts}/test${query}`), { credentials });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.members.map((member) => member.kill()));
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

function memberOf(directory: string, peers: string[], at: number, port: number, options: ServerOptions): EtcdServer {
  const { tls, args = [] } = options;
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const peer = peers[at]?.replace(/^[^=]*=/, '') ?? '';
  const words = {
    name: `m${at}`,
    'data-dir': path.join(directory, `m${at}`),
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': peers.join(','),
    'log-level': 'warn',
    ...(tls === undefined ? {} : { 'cert-file': tls.cert, 'key-file': tls.key, 'trusted-ca-file': tls.ca }),
  };
  const given = Object.entries(words).map(([name, value]) => `--${name}=${value}`);
  return new EtcdServer(port, [...given, ...args], tls);
}

/** Below those that the kernel gives to connections: while a server is away, none of them can get its port. */
const [LEAST_PORT, MOST_PORT] = [15_000, 32_000];

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count && tries < 1_000; tries++) {
    const port = LEAST_PORT + Math.floor(Math.random() * (MOST_PORT - LEAST_PORT));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}
