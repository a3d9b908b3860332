import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Network, networkMissing } from '../../chaos/etcd/network.ts';
import { etcdMissing, Servers } from '../../chaos/etcd/servers.ts';
import { Program, programOn } from './etcd-store-rig.ts';

const missing = networkMissing() ?? etcdMissing();
/** Whether sites can be made here. Where they cannot, their tests are skipped, and a word says so. */
export const HAS_SITES = missing === null;
if (!HAS_SITES) console.warn(`left out: the tests with a cluster in a network of its own (${missing})`);

/** Three sites with a member of etcd each, in a network of their own; and programs in them. */
export class SiteRig {
  readonly network: Network;
  readonly servers: Servers;
  readonly #directory: string;
  readonly #programs: Program[] = [];
  #prefixes = 0;

  private constructor(network: Network, servers: Servers, directory: string) {
    this.network = network;
    this.servers = servers;
    this.#directory = directory;
  }

  static async start(): Promise<SiteRig> {
    const directory = fs.mkdtempSync(
      path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'lockstep-sites-'),
    );
    const network = await Network.open(3);
    return new SiteRig(network, await Servers.start(network, directory), directory);
  }

  /** Begins a test: it has a prefix of its own. */
  begin(): void {
    this.#prefixes += 1;
  }

  /** Ends a test: all sites are in touch again, all members run. */
  async end(): Promise<void> {
    for (const program of this.#programs.splice(0)) await program.end('SIGKILL');
    for (let site = 0; site < this.network.size; site++) {
      await this.network.heal(site);
      await this.servers.quicken(site);
      this.servers.signal(site, 'SIGCONT');
      this.servers.start(site);
    }
    await this.servers.answer();
  }

  async stop(): Promise<void> {
    await this.servers.stop();
    await this.network.close();
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The leader's site, and another one. */
  async sites(): Promise<{ leader: number; other: number }> {
    for (;;) {
      const leader = await this.servers.leader();
      if (leader !== null) return { leader, other: (leader + 1) % this.network.size };
    }
  }

  /** A program in a site, as `EtcdStoreRig.program` has it. */
  program(site: number, body: string): Program {
    const [first, ...words] = this.network.words(site);
    const text = programOn(this.servers.url(site, `t${this.#prefixes}`), body);
    const child = spawn(first, [...words, process.execPath, '--input-type=module', '-e', text], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const program = new Program(child);
    this.#programs.push(program);
    return program;
  }

  /** Resolves when so many are in the line of a name. */
  async line(name: string, count: number): Promise<void> {
    const keys = () => this.servers.control(0, 'get', '--prefix', '--keys-only', `t${this.#prefixes}/${name}/line/`);
    while ((await keys()).trim().split(/\n+/).filter(Boolean).length !== count);
  }

  /**
   * A program that takes a lock, and prints `in TIME TOKEN`, and `lost TIME` when it is lost; at the next order it releases the lock,
   * and prints `out`. The times are those of one clock for all programs, in ms. `first`: what it does before.
   */
  holder(site: number, name = 'deploy', first = ''): Program {
    return this.program(
      site,
      `${first}
       const lock = new Lock('${name}', { store });
       const now = () => Number(process.hrtime.bigint() / 1_000_000n);
       const lease = await lock.acquire();
       lease.signal.addEventListener('abort', () => console.log('lost', now()));
       console.log('in', now(), lease.token);
       await order();
       console.log('held', lease.held);
       await lease.release().catch((error) => console.log(error.code));
       console.log('out');
       process.exit();`,
    );
  }
}

/** The words of its next line, the first of which is `what`. */
export async function says(program: Program, what: string): Promise<number[]> {
  const line = await program.line();
  const [first, ...numbers] = (line ?? 'its end').split(' ');
  if (first !== what) throw new Error(`expected '${what}', not '${line}'`);
  return numbers.map(Number);
}
