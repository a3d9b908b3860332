import { pathToFileURL } from 'node:url';
import { MisuseError } from '../errors.ts';
import { ownFile } from '../host/own-file.ts';
import type { Store } from '../store/store.ts';

export interface EtcdModule {
  openEtcdStore(url: string): Store;
}

/**
 * Loads the code of stores on etcd. Not by a name that a bundler could follow: it would put all of it into every program that uses a
 * lock. (Our own bundles have it: `rolldown.config.js` puts a module in the place of this one.)
 *
 * @throws {MisuseError} (rejects) in a bundle of another program, which has not got it
 */
export async function loadEtcd(): Promise<EtcdModule> {
  // The second one where Lockstep runs from its sources.
  const file = ['../etcd/open-etcd-store.js', '../etcd/open-etcd-store.ts']
    .map((name) => ownFile(import.meta.url, name))
    .find((found) => found !== null);
  if (file) return import(pathToFileURL(file).href);
  throw new MisuseError(
    "this program is a bundle, and contains no code of stores on etcd. Write: import { openEtcdStore } from 'lockstep/etcd', and give { store: openEtcdStore('etcd://…') }.",
  );
}
