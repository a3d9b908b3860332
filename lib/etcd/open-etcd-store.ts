import { MisuseError } from '../errors.ts';
import { nodeHost } from '../host/node-host.ts';
import { OptionNames } from '../options/option-names.ts';
import { Session } from '../session/session.ts';
import { Credentials, credentialsFrom } from './client/credentials.ts';
import { type EtcdCallOptions, EtcdClient } from './client/etcd-client.ts';
import { type EtcdAddress, parseEtcdUrl } from './client/url.ts';
import { EtcdStore } from './store/etcd-store.ts';

/** How a store on etcd is opened. */
export interface EtcdStoreOptions extends EtcdCallOptions {
  /** The program of a keeper process (`keeper-main.js`), for a caller beside which it is not. */
  keeperFile?: string;
}

const OPTIONS = new OptionNames<EtcdStoreOptions>('openEtcdStore(url, …)', {
  credentials: true,
  maxMessageBytes: true,
  keeperFile: true,
});

/** Each process (or thread) has one session, in every store on etcd. */
let session: Session | undefined;
const open = new Map<string, EtcdStore>();

/**
 * Opens the store on an etcd cluster: `etcd://h1:2379,h2:2379/prefix?ttl=15s`. It connects at its first use. A process opens
 * each store once; later options for it are ignored.
 *
 * Use it where processes of several machines must coordinate.
 *
 * A process's entries there end with it: at once where it ends by itself, by a signal or an error, or the next waiter is on the
 * same machine, otherwise when its lease ends, after `ttl` (default 15 s). It keeps no process alive.
 *
 * @throws {MisuseError} that states what is wrong with the URL or the options, or that there is a user and no password
 * @throws {StoreError} if a file that the URL names cannot be read
 *
 * @example
 * import { Lock } from 'lockstep';
 * import { openEtcdStore } from 'lockstep/etcd';
 * const store = openEtcdStore('etcd://127.0.0.1:2379/demo');
 * await new Lock('deploy', { store }).withLock(() => console.log('held')); // prints held
 */
export function openEtcdStore(url: string | EtcdAddress, options: EtcdStoreOptions = {}): EtcdStore {
  OPTIONS.check(options);
  if (options.credentials && !(options.credentials instanceof Credentials))
    throw new MisuseError('openEtcdStore(url, …): write { credentials: new Credentials(user, password) }');
  const address = typeof url === 'string' ? parseEtcdUrl(url) : url;
  const known = open.get(address.place);
  if (known && !known.isClosed) return known;
  const { keeperFile, ...clientOptions } = options;
  const credentials = clientOptions.credentials === undefined ? credentialsFrom(address) : clientOptions.credentials;
  const client = new EtcdClient(address, { ...clientOptions, credentials });
  session ??= new Session(nodeHost);
  const given = keeperFile === undefined ? {} : { keeperFile };
  const store = new EtcdStore({ client, address, credentials, host: nodeHost, session, ...given });
  if (open.size === 0) process.on('beforeExit', endSessions);
  open.set(address.place, store);
  return store;
}

/** The process has nothing more to do: the entries that it still has need not wait for the end of its lease. */
function endSessions(): void {
  for (const store of open.values()) void store.endSession();
}
