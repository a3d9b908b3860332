import { MisuseError, StoreError } from '../errors.ts';
import { nodeHost } from '../host/node-host.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import type { Eviction, Keeps } from '../line/entry.ts';
import type { Item } from '../line/item.ts';
import type { Answer } from '../line/outcome.ts';
import type { Documents } from '../store/documents.ts';
import type { Records } from '../store/records.ts';
import type { Servers } from '../store/servers.ts';
import type {
  AdoptOptions,
  Capabilities,
  ChangedOptions,
  ForgetOptions,
  Forgotten,
  LineView,
  OwnEntry,
  Request,
  Store,
} from '../store/store.ts';
import type { TakesRange, TakesView } from '../store/takes-view.ts';
import { loadEtcd } from './etcd-module.ts';
import { RemoteRecords } from './remote-records.ts';

const CAPABILITIES: Capabilities = { reopens: true, cuts: true, leases: true };

const open = new Map<string, RemoteStore>();

/** The store that a URL names. A process opens each once. */
export function remoteStore(url: string): Store {
  const known = open.get(url);
  if (known) return known;
  const store = new RemoteStore(url, async () => (await loadEtcd()).openEtcdStore(url));
  open.set(url, store);
  return store;
}

/**
 * A store on servers, whose code is loaded at its first use: a program that stays on files loads none of it. Until then it has
 * nothing in line.
 */
export class RemoteStore implements Store {
  readonly capabilities = CAPABILITIES;
  readonly clock = nodeHost.clock;
  readonly sync = null;
  readonly documents: Documents = {
    read: async (name) => (await this.#documents()).read(name),
    replace: async (entry, bytes, revision) => (await this.#documents()).replace(entry, bytes, revision),
  };
  readonly records: Records;
  readonly #url: string;
  readonly #load: () => Promise<Store>;
  #loading: Promise<Store> | null = null;
  #loaded: Store | null = null;

  constructor(url: string, load: () => Promise<Store>) {
    this.#url = url;
    this.#load = load;
    this.records = new RemoteRecords(async () => recordsOf(await this.#store()));
  }

  get place(): string {
    return this.#loaded?.place ?? this.#url;
  }

  async join(name: string, config: Config, request: Request): Promise<OwnEntry> {
    return (await this.#store()).join(name, config, request);
  }

  async leave(entry: OwnEntry): Promise<void> {
    await (await this.#store()).leave(entry);
  }

  async done(entry: OwnEntry): Promise<void> {
    await (await this.#store()).done(entry);
  }

  async itemOf(entry: OwnEntry): Promise<Item | null> {
    return (await this.#store()).itemOf(entry);
  }

  async abandon(entry: OwnEntry, passOn?: Eviction): Promise<void> {
    await (await this.#store()).abandon(entry, passOn);
  }

  async adopt(entry: OwnEntry, pid: number, options: AdoptOptions): Promise<boolean> {
    return (await this.#store()).adopt(entry, pid, options);
  }

  /** The caller has an entry, so the store is loaded. */
  commandLifeline() {
    return this.#loaded?.commandLifeline() ?? null;
  }

  async evict(name: string, ticket: number, eviction: Eviction): Promise<boolean> {
    return (await this.#store()).evict(name, ticket, eviction);
  }

  async keep(entry: OwnEntry, keeps: Keeps): Promise<void> {
    await (await this.#store()).keep(entry, keeps);
  }

  async act(name: string, config: Config, action: Action): Promise<Answer> {
    return (await this.#store()).act(name, config, action);
  }

  async takes(name: string, range: TakesRange): Promise<TakesView | null> {
    return (await this.#store()).takes(name, range);
  }

  async forget(name: string, options?: ForgetOptions): Promise<Forgotten> {
    return (await this.#store()).forget(name, options);
  }

  async refresh(entry: OwnEntry): Promise<void> {
    await (await this.#store()).refresh(entry);
  }

  held(): OwnEntry[] {
    return this.#loaded?.held() ?? [];
  }

  async snapshot(name: string): Promise<LineView | null> {
    return (await this.#store()).snapshot(name);
  }

  async snapshots(names: readonly string[]): Promise<Array<LineView | null>> {
    return (await this.#store()).snapshots(names);
  }

  async names(): Promise<string[]> {
    return (await this.#store()).names();
  }

  async withExpiry(lines: readonly LineView[]): Promise<LineView[]> {
    return (await (await this.#store()).withExpiry?.(lines)) ?? [...lines];
  }

  async changed(of: OwnEntry | string, options: ChangedOptions): Promise<void> {
    await (await this.#store()).changed(of, options);
  }

  async ping(): Promise<void> {
    await (await this.#store()).ping();
  }

  /** One that was never used has nothing to end. */
  async close(): Promise<void> {
    const loading = this.#loading;
    this.#loading = null;
    this.#loaded = null;
    if (loading !== null) await (await loading).close();
  }

  async servers(): Promise<Servers> {
    const servers = await (await this.#store()).servers?.();
    if (!servers) throw new MisuseError(`the store ${this.place} has no servers`);
    return servers;
  }

  async #documents(): Promise<Documents> {
    const { documents } = await this.#store();
    if (!documents) throw new MisuseError(`the store ${this.place} keeps no documents`);
    return documents;
  }

  /** An attempt that fails is made anew by the next call. */
  #store(): Promise<Store> {
    this.#loading ??= this.#load().then(
      (store) => {
        this.#loaded = store;
        return store;
      },
      (error: unknown) => {
        this.#loading = null;
        throw error;
      },
    );
    return this.#loading;
  }
}

/** @throws {StoreError} */
function recordsOf({ records, place }: Store): Records {
  if (records) return records;
  throw new StoreError('STORE_UNSUPPORTED', `the store ${place} keeps no records of jobs and programs`, {
    operation: 'look at the records',
    path: place,
  });
}
