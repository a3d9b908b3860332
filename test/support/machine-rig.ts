import path from 'node:path';
import { openStore, type Store } from 'lockstep';
import { companionName } from '../../lib/stores/companion.ts';
import type { Program, StartOptions } from './cli-rig.ts';
import { EtcdCluster } from './etcd.ts';
import { JobRig } from './job-rig.ts';

/** A machine, as far as a store on etcd can tell: a store on disk of its own, so a companion of its own. */
export class MachineRig extends JobRig {
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
  }

  override get recordsPath(): string {
    return path.join(this.storePath, 'remote', companionName(this.url));
  }

  override start(file: string, args: readonly string[], options: StartOptions = {}): Program {
    const env = { LOCKSTEP_STORE: this.url, ...options.env };
    return super.start(file, args, { ...options, env });
  }

  /** The store on etcd. */
  override get store(): Store {
    return openStore(this.url);
  }
}

/** Machines that share a store on one server; each `machines()` another store. */
export class MachinesRig {
  #cluster: EtcdCluster | null = null;
  #machines: MachineRig[] = [];
  #stores = 0;

  async start(): Promise<void> {
    this.#cluster = await EtcdCluster.start();
  }

  get cluster(): EtcdCluster {
    if (this.#cluster === null) throw new Error('not started');
    return this.#cluster;
  }

  /** @param query the options of the store's URL */
  machines(query = ''): [MachineRig, MachineRig] {
    this.#stores += 1;
    const url = `etcd://${this.cluster.members[0]?.endpoint}/s${this.#stores}${query}`;
    const machines: [MachineRig, MachineRig] = [new MachineRig(url), new MachineRig(url)];
    this.#machines.push(...machines);
    return machines;
  }

  /** The keys of a machine's store. */
  keys({ url }: MachineRig): string[] {
    const prefix = new URL(url).pathname.slice(1);
    const listed = this.cluster.members[0]?.control('get', '--prefix', '--keys-only', `${prefix}/`) ?? '';
    return listed.split('\n').flatMap((key) => (key === '' ? [] : [key.slice(prefix.length + 1)]));
  }

  async end(): Promise<void> {
    const machines = this.#machines.splice(0);
    for (const { store } of machines) await store.close();
    await Promise.all(machines.map((machine) => machine.end()));
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }
}
