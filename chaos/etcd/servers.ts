import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CLIENT_PORT, type Network, PEER_PORT } from './network.ts';

const START_MS = 60_000;
/** How long each write to its disk takes, while that is slow. */
const SLOW_MICROS = 400_000;
const MOST_SAID = 20_000;

/** Why there can be no cluster here, or null. */
export function etcdMissing(): string | null {
  const directories = (process.env.PATH ?? '').split(':');
  const missing = ['etcd', 'etcdctl'].filter(
    (name) => !directories.some((directory) => fs.existsSync(path.join(directory, name))),
  );
  return missing.length === 0 ? null : `no ${missing.join(' and ')}`;
}

/** A cluster of etcd with one member in each site of a network. It ends with this process, in whatever way that ends. */
export class Servers {
  readonly #network: Network;
  readonly #directory: string;
  readonly #args: readonly string[];
  readonly #members: (ChildProcess | null)[];
  readonly #tracers = new Map<number, ChildProcess>();
  #said = '';

  private constructor(network: Network, directory: string, args: readonly string[]) {
    this.#network = network;
    this.#directory = directory;
    this.#args = args;
    this.#members = Array.from({ length: network.size }, () => null);
  }

  /** Starts it, with its data in `directory`. Resolves when it takes writes. */
  static async start(network: Network, directory: string, args: readonly string[] = []): Promise<Servers> {
    const servers = new Servers(network, directory, args);
    for (let site = 0; site < network.size; site++) servers.start(site);
    try {
      await servers.answer();
      return servers;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  /** The URL of a store for the clients of a site: they ask the member of their own site first. */
  url(site: number, prefix: string): string {
    const sites = this.#members.map((_, at) => (site + at) % this.#members.length);
    return `etcd://${sites.map((at) => this.#endpoint(at)).join(',')}/${prefix}?ttl=10s`;
  }

  start(site: number): void {
    if (this.#members[site]) return;
    const [first, ...words] = ['setpriv', '--pdeathsig', 'KILL', ...this.#network.words(site)] as const;
    const child = spawn(first, [...words, 'etcd', ...this.#words(site)], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => {
        this.#said = (this.#said + text).slice(-MOST_SAID);
      });
    this.#members[site] = child;
  }

  signal(site: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#members[site]?.kill(signal);
  }

  /** Its data stays. */
  async kill(site: number): Promise<void> {
    await this.quicken(site);
    const child = this.#members[site];
    this.#members[site] = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Makes the disk of a member slow. Resolves to false where that cannot be done. */
  async slow(site: number): Promise<boolean> {
    const pid = this.#members[site]?.pid;
    if (pid === undefined || this.#tracers.has(site)) return false;
    const calls = ['-e', 'trace=fdatasync', '-e', `inject=fdatasync:delay_exit=${SLOW_MICROS}`];
    const tracer = spawn('setpriv', ['--pdeathsig', 'KILL', 'strace', '-f', '-p', String(pid), ...calls], {
      stdio: 'ignore',
    });
    this.#tracers.set(site, tracer);
    const ended = once(tracer, 'exit').then(
      () => false,
      () => false,
    );
    // It ends at once where it may not trace.
    return Promise.race([ended, delay(300, true)]);
  }

  async quicken(site: number): Promise<void> {
    const tracer = this.#tracers.get(site);
    this.#tracers.delete(site);
    if (!tracer || tracer.exitCode !== null || tracer.signalCode !== null) return;
    tracer.kill('SIGTERM');
    await once(tracer, 'exit');
  }

  /** The site of the leader, as far as the others know it; null while there is none. */
  async leader(): Promise<number | null> {
    for (let site = 0; site < this.#members.length; site++) {
      const text = await this.control(site, 'endpoint', 'status', '-w', 'json').catch(() => '');
      const [{ Status: status = null } = {}] = JSON.parse(text || '[]') as { Status?: Status }[];
      if (status !== null && status.leader === status.header.member_id) return site;
    }
    return null;
  }

  /** Forgets all revisions but the newest. */
  async compact(site: number): Promise<void> {
    const text = await this.control(site, 'get', 'no-such-key', '-w', 'json');
    const { header } = JSON.parse(text) as { header: { revision: number } };
    await this.control(site, 'compact', '--physical', String(header.revision));
  }

  /** Runs etcdctl in a site, on its own member. */
  async control(site: number, ...args: string[]): Promise<string> {
    const [first, ...words] = this.#network.words(site);
    const etcdctl = ['etcdctl', '--command-timeout=2s', '--endpoints', `http://${this.#endpoint(site)}`];
    const env = { ...process.env, ETCDCTL_API: '3' };
    return (await promisify(execFile)(first, [...words, ...etcdctl, ...args], { env, timeout: 5_000 })).stdout;
  }

  /** Resolves when every member takes writes. */
  async answer(): Promise<void> {
    const until = performance.now() + START_MS;
    for (let site = 0; site < this.#members.length; site++)
      while (!(await this.control(site, 'put', 'the-chaos-of-lockstep', '').catch(() => ''))) {
        if (performance.now() > until) throw new Error(`etcd does not answer\n${this.#said}`);
        await delay(50);
      }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((_, site) => this.kill(site)));
  }

  #endpoint(site: number): string {
    return `${this.#network.address(site)}:${CLIENT_PORT}`;
  }

  #words(site: number): string[] {
    const peer = (at: number) => `http://${this.#network.address(at)}:${PEER_PORT}`;
    const client = `http://${this.#endpoint(site)}`;
    const options = {
      name: `m${site}`,
      'data-dir': path.join(this.#directory, `m${site}`),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer(site),
      'initial-advertise-peer-urls': peer(site),
      'initial-cluster': this.#members.map((_, at) => `m${at}=${peer(at)}`).join(','),
      'log-level': 'warn',
    };
    return [...Object.entries(options).map(([name, value]) => `--${name}=${value}`), ...this.#args];
  }
}

interface Status {
  leader: number;
  header: { member_id: number };
}
