import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EtcdClient, type EtcdClientOptions } from '../../lib/etcd/client/etcd-client.ts';
import { prefixEnd } from '../../lib/etcd/client/kv-messages.ts';
import { type EtcdAddress, parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { EtcdStore } from '../../lib/etcd/store/etcd-store.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Session } from '../../lib/session/session.ts';
import type { OwnEntry, Store } from '../../lib/store/store.ts';
import { EtcdCluster, type EtcdServer } from './etcd.ts';

/** The built one: this Node may know no TypeScript. */
export const KEEPER = fileURLToPath(new URL('../../build/lib/etcd/store/keeper-main.js', import.meta.url));
const LIB = new URL('../../build/lib/', import.meta.url).href;

export interface StoreTraits extends EtcdClientOptions {
  /** `host:port`, separated by commas. Default: the server. */
  endpoints?: string;
  /** Makes the client. */
  makeClient?: (address: EtcdAddress) => EtcdClient;
}

/** One server for the tests of a file, and stores on it, each of which is a session of its own. */
export class EtcdStoreRig {
  #cluster: EtcdCluster | null = null;
  #closers: Array<() => unknown> = [];
  #prefixes = 0;
  #prefix = '';

  async start(): Promise<void> {
    this.#cluster = await EtcdCluster.start();
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }

  /** Begins a test: it has a prefix of its own. */
  begin(): void {
    this.#prefixes += 1;
    this.#prefix = `t${this.#prefixes}`;
  }

  /** Ends a test, and everything in it. */
  async end(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    const client = this.client();
    const key = `${this.#prefix}/`;
    await client.deleteRange({ key, rangeEnd: prefixEnd(key) }, { timeoutMs: 60_000 });
    client.close();
  }

  get server(): EtcdServer {
    return this.#cluster?.members[0] as EtcdServer;
  }

  get prefix(): string {
    return this.#prefix;
  }

  /** The store's URL. */
  url(endpoints = this.server.endpoint): string {
    return `etcd://${endpoints}/${this.#prefix}?ttl=10s`;
  }

  client(): EtcdClient {
    return new EtcdClient(parseEtcdUrl(this.url()), { credentials: null });
  }

  store({ endpoints, makeClient, ...options }: StoreTraits = {}): EtcdStore {
    const address = parseEtcdUrl(this.url(endpoints));
    const client = makeClient?.(address) ?? new EtcdClient(address, { credentials: null, ...options });
    const session = new Session(nodeHost);
    const store = new EtcdStore({ client, address, host: nodeHost, session, keeperFile: KEEPER });
    this.onEnd(() => store.close());
    return store;
  }

  onEnd(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** A process of its own that runs a module's text, which has `store`. Its output is told line by line. */
  program(body: string, endpoints?: string): Program {
    const text = programOn(this.url(endpoints), body);
    const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['pipe', 'pipe', 'inherit'] });
    return this.#started(child);
  }

  /** `etcdctl lock` of a name's line. It prints its key when it holds. */
  etcdctlLock(encodedName: string): Program {
    const words = ['--endpoints', `http://${this.server.endpoint}`, 'lock', `${this.#prefix}/${encodedName}/line`];
    const env = { ...process.env, ETCDCTL_API: '3' };
    // It reports that it was ended.
    return this.#started(spawn('etcdctl', words, { stdio: ['pipe', 'pipe', 'ignore'], env }));
  }

  #started(child: ChildProcess): Program {
    const program = new Program(child);
    this.onEnd(() => program.end('SIGKILL'));
    return program;
  }
}

/** The text of a module with `store`, a store on etcd, and `Lock`; `order()` waits for a line of its input. */
export function programOn(url: string, body: string): string {
  return `
    import readline from 'node:readline';
    import { Lock } from '${LIB}index.js';
    import { openEtcdStore } from '${LIB}etcd/open-etcd-store.js';
    const LIB = '${LIB}';
    let input;
    const order = async () => {
      // Not before it is needed: it keeps the process alive.
      input ??= readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
      return (await input.next()).value;
    };
    for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) process.on(event, (e) => console.log(event, e));
    const store = openEtcdStore('${url}', { credentials: null, keeperFile: '${KEEPER}' });
    const LOCK = { kind: 'lock', permits: 1 };
    const request = { ask: 1, label: 'a program', onlyIfGranted: false };
    ${body}`;
}

/** A process that the test commands by lines of text. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly exited: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = once(child, 'exit');
    this.#lines = readline.createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The next line of its output. */
  async line(): Promise<string> {
    return (await this.#lines.next()).value;
  }

  order(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    await this.exited;
  }
}

/** Waits as a user of the seam does, until the entry waits no longer. Returns its state. */
export async function settled(store: Store, entry: OwnEntry): Promise<string> {
  while (entry.state === 'waiting') await store.changed(entry, { timeoutMs: 60_000, keepAlive: true });
  return entry.state;
}
