import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const CLIENT_PORT = 2379;
export const PEER_PORT = 2380;

/**
 * The ways to cut a site off: `alone` pulls its cable; `members` separates its member from the other members, and leaves the clients
 * of all sites in touch with it; `clients` does the reverse; `mute` lets nothing out, and everything in.
 */
export type Cut = 'alone' | 'members' | 'clients' | 'mute';

/** Why there can be no network here, or null. */
export function networkMissing(): string | null {
  if (process.platform !== 'linux') return 'no network namespaces on this system';
  if (process.geteuid?.() !== 0) return 'not root';
  try {
    const tools = 'ip link set lo up && ip link add probe type bridge && iptables -L -n && command -v nsenter setpriv';
    execFileSync('unshare', ['--net', 'sh', '-c', tools], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `no network namespaces: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`;
  }
}

/**
 * A few sites, each a network namespace, with a cable to a bridge in one more namespace. The network of the host is not a part of it.
 * A namespace lives as long as the process that holds it, which ends when this process does, in whatever way.
 */
export class Network {
  readonly #bridge: ChildProcess;
  readonly #sites: readonly ChildProcess[];

  private constructor(bridge: ChildProcess, sites: readonly ChildProcess[]) {
    this.#bridge = bridge;
    this.#sites = sites;
  }

  static async open(size: number): Promise<Network> {
    const [bridge, ...sites] = await Promise.all(Array.from({ length: size + 1 }, namespace));
    const network = new Network(bridge as ChildProcess, sites);
    try {
      await network.#connect();
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  get size(): number {
    return this.#sites.length;
  }

  /** The address of a site. */
  address(site: number): string {
    return `10.99.0.${site + 1}`;
  }

  /** The words before a program's own, for it to run in a site. The program has the pid of the process that is started by them. */
  words(site: number): [string, ...string[]] {
    return inside(this.#sites[site]?.pid ?? 0);
  }

  /** The site that a process is in; null for one that is in none, or has ended. */
  siteOf(pid: number): number | null {
    const its = namespaceOf(pid);
    const site = this.#sites.findIndex((holder) => its !== null && namespaceOf(holder.pid ?? 0) === its);
    return site < 0 ? null : site;
  }

  async cut(site: number, how: Cut): Promise<void> {
    if (how === 'alone') return this.#ip(this.#bridge, `link set site${site} down`);
    const rules = {
      members: bothWays(PEER_PORT),
      clients: bothWays(CLIENT_PORT),
      mute: ['OUTPUT -o eth0'],
    }[how];
    for (const rule of rules) await this.#tables(site, '-A', ...rule.split(' '), '-j', 'DROP');
  }

  async heal(site: number): Promise<void> {
    await this.#tables(site, '-F');
    await this.#ip(this.#bridge, `link set site${site} up`);
  }

  /** Ends the namespaces, as soon as nothing runs in them any more. */
  async close(): Promise<void> {
    const holders = [this.#bridge, ...this.#sites].filter(({ exitCode }) => exitCode === null);
    const ends = holders.map((holder) => once(holder, 'exit'));
    for (const { stdin } of holders) stdin?.end();
    await Promise.all(ends);
  }

  async #connect(): Promise<void> {
    await this.#ip(this.#bridge, 'link add sites type bridge', 'link set sites up');
    for (const [site, holder] of this.#sites.entries()) {
      const cable = `link add site${site} type veth peer name eth0 netns ${holder.pid}`;
      await this.#ip(this.#bridge, cable, `link set site${site} master sites up`);
      await this.#ip(holder, 'link set lo up', `addr add ${this.address(site)}/24 dev eth0`, 'link set eth0 up');
    }
  }

  async #ip(holder: ChildProcess, ...commands: string[]): Promise<void> {
    const [first, ...words] = inside(holder.pid ?? 0);
    for (const command of commands) await run(first, [...words, 'ip', ...command.split(' ')]);
  }

  async #tables(site: number, ...args: string[]): Promise<void> {
    const [first, ...words] = this.words(site);
    await run(first, [...words, 'iptables', '-w', ...args]);
  }
}

function inside(pid: number): [string, ...string[]] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
}

function namespaceOf(pid: number): string | null {
  try {
    return fs.readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}

/** A process that holds a namespace until its input ends. It prints when it is in it. */
async function namespace(): Promise<ChildProcess> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo && exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const end = once(holder, 'exit').then(() => {
    throw new Error('a network namespace could not be made');
  });
  end.catch(() => undefined);
  await Promise.race([once(holder.stdout as NodeJS.ReadableStream, 'data'), end]);
  return holder;
}

/** What passes between sites to and from a port. */
function bothWays(port: number): string[] {
  return ['INPUT -i eth0', 'OUTPUT -o eth0'].flatMap((way) => [
    `${way} -p tcp --dport ${port}`,
    `${way} -p tcp --sport ${port}`,
  ]);
}
