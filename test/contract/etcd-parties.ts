import { fileURLToPath } from 'node:url';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { prefixEnd } from '../../lib/etcd/client/kv-messages.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { EtcdStore } from '../../lib/etcd/store/etcd-store.ts';
import { Session } from '../../lib/session/session.ts';
import type { Store } from '../../lib/store/store.ts';
import { EtcdCluster } from '../support/etcd.ts';
import { FIRST_TID, hostOf, type Parties } from './parties.ts';

/** The built one: this Node may know no TypeScript. */
const KEEPER = fileURLToPath(new URL('../../build/lib/etcd/store/keeper-main.js', import.meta.url));

/** One server for all tests of a file, each of which has a prefix of its own. */
export class EtcdRig {
  #cluster: EtcdCluster | null = null;
  #client: EtcdClient | null = null;
  #prefixes = 0;

  async start(): Promise<void> {
    this.#cluster = await EtcdCluster.start();
    this.#client = this.#cluster.client();
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }

  get endpoint(): string {
    return this.#cluster?.members[0]?.endpoint ?? '';
  }

  /** Three sessions of this process that take each other for threads of it, as `openDisk`. */
  readonly open = (): Parties => {
    this.#prefixes += 1;
    const address = parseEtcdUrl(`etcd://${this.endpoint}/t${this.#prefixes}`);
    const gone = new Set<number>();
    const tids = new Map<Store, number>();
    const party = () => {
      const tid = FIRST_TID + tids.size;
      const host = hostOf(tid, gone, false);
      const client = new EtcdClient(address, { credentials: null });
      const store = new EtcdStore({ client, address, host, session: new Session(host), keeperFile: KEEPER });
      tids.set(store, tid);
      return store;
    };
    const all = [party(), party(), party()] as const;
    const [one, other, third] = all;
    const close = async () => {
      // Keepers end with their entries.
      await this.#client?.deleteRange({ key: `${address.prefix}/`, rangeEnd: prefixEnd(`${address.prefix}/`) });
      await Promise.all(all.map((store) => store.close()));
    };
    return { one, other, third, kill: (store) => gone.add(tids.get(store) ?? 0), close };
  };
}
