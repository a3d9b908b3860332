import type { Host } from '../../host/host.ts';
import type { Action } from '../../line/action.ts';
import type { Config } from '../../line/config.ts';
import type { Eviction, Keeps } from '../../line/entry.ts';
import type { Item } from '../../line/item.ts';
import type { Answer } from '../../line/outcome.ts';
import { checkMs, OptionNames } from '../../options/option-names.ts';
import type { Session } from '../../session/session.ts';
import type { Documents } from '../../store/documents.ts';
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
} from '../../store/store.ts';
import type { TakesRange, TakesView } from '../../store/takes-view.ts';
import type { Clock } from '../../time/clock.ts';
import type { Credentials } from '../client/credentials.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import type { EtcdAddress } from '../client/url.ts';
import { Abandoned } from './abandoned.ts';
import { Admission } from './admission.ts';
import { EntryOperations } from './entry-operations.ts';
import { EtcdDocuments } from './etcd-documents.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import { EtcdRecords } from './etcd-records.ts';
import type { EtcdResource } from './etcd-resource.ts';
import { EtcdServers } from './etcd-servers.ts';
import { EtcdViews } from './etcd-views.ts';
import { forgetName } from './forgetting.ts';
import { OpenNames } from './open-names.ts';
import { actOn } from './outside-action.ts';
import { SessionEnd } from './session-end.ts';
import { SessionLease } from './session-lease.ts';
import { type Guard, guardOf } from './store-failure.ts';
import { TicketBase } from './ticket-base.ts';

const CAPABILITIES: Capabilities = { reopens: true, cuts: true, leases: true };

const FORGET = new OptionNames<ForgetOptions>('forget(name, …)', { idleMs: true }, { number: 'idleMs' });

export interface EtcdStoreOptions {
  readonly client: EtcdClient;
  readonly address: EtcdAddress;
  /** Those of the client. Default: none. */
  readonly credentials?: Credentials | null;
  readonly host: Host;
  readonly session: Session;
  /** The program of a keeper process, for a caller beside which it is not. */
  readonly keeperFile?: string;
}

/**
 * The store on etcd: a name's entries are keys under the leases of their sessions, in the order in which they were created. It
 * answers nothing at once, so it is not `sync`.
 */
export class EtcdStore implements Store {
  readonly place: string;
  /** @internal */
  readonly clock: Clock;
  /** @internal */
  readonly sync = null;
  /** @internal */
  readonly records: EtcdRecords;
  readonly capabilities = CAPABILITIES;
  /** @internal */
  readonly documents: Documents;
  readonly #client: EtcdClient;
  readonly #servers: EtcdServers;
  readonly #lease: SessionLease;
  readonly #base: TicketBase;
  readonly #views: EtcdViews;
  readonly #abandoned: Abandoned;
  readonly #end: SessionEnd;
  readonly #names: OpenNames;
  readonly #operations: EntryOperations;
  readonly #guard: Guard;
  #isClosed = false;

  /** @internal */
  constructor({ client, address, credentials = null, host, session, keeperFile }: EtcdStoreOptions) {
    this.place = address.place;
    this.#guard = guardOf(address.place);
    this.clock = host.clock;
    this.records = new EtcdRecords({
      ...{ client, clock: host.clock, prefix: address.prefix, place: address.place },
      pastOf: (name) => this.#views.past(name),
    });
    this.#client = client;
    this.#abandoned = new Abandoned(host.clock);
    this.#lease = new SessionLease(client, address.ttlMs, (lease) => this.#names.loseAll(lease));
    this.#names = new OpenNames(address.prefix, () => {
      const [lease, base, abandoned] = [this.#lease, this.#base, this.#abandoned];
      return { client, host, session, lease, base, abandoned, place: this.place };
    });
    const [place, lease, entries] = [this.place, this.#lease, () => this.#names.entries()];
    this.#end = new SessionEnd({ host, place, credentials, lease, entries, keeperFile });
    this.#base = new TicketBase(client, this.#names.keys.base, host.clock);
    const resourceOf = (name: string) => this.#resourceOf(name);
    this.#operations = new EntryOperations({ resourceOf, base: this.#base, keeperFile });
    this.#views = new EtcdViews({ client, session, base: this.#base, clock: host.clock, resourceOf });
    this.#servers = new EtcdServers({ client, address, credentials, keys: this.#names.keys, clock: host.clock });
    this.documents = new EtcdDocuments({ client, resourceOf, guard: this.#guard });
  }

  /** @internal */
  join(name: string, config: Config, request: Request): Promise<EtcdEntry> {
    const admission = () => new Admission(this.#resourceOf(name), config, request);
    return this.#guard('acquire', name, () => this.#end.during(() => admission().join()));
  }

  /** @internal */
  leave(entry: OwnEntry): Promise<void> {
    return this.#guard('release', entry.name, () => this.#operations.leave(entry as EtcdEntry));
  }

  /** @internal */
  done(entry: OwnEntry): Promise<void> {
    return this.#guard('done', entry.name, () => this.#operations.finish(entry as EtcdEntry));
  }

  /** @internal */
  itemOf(entry: OwnEntry): Promise<Item | null> {
    return this.#guard('get', entry.name, () => this.#operations.itemOf(entry as EtcdEntry));
  }

  /** @internal */
  async abandon(entry: OwnEntry, passOn?: Eviction): Promise<void> {
    const end = () => this.#operations.giveUp(entry as EtcdEntry, passOn);
    try {
      await this.#guard('release', entry.name, end);
    } catch (error) {
      this.#abandoned.add(end);
      throw error;
    }
  }

  /** @internal */
  adopt(entry: OwnEntry, pid: number, options: AdoptOptions): Promise<boolean> {
    return this.#guard('adopt', entry.name, () => this.#operations.adopt(entry as EtcdEntry, pid, options));
  }

  /** @internal */
  commandLifeline(): null {
    return null;
  }

  evict(name: string, ticket: number, eviction: Eviction): Promise<boolean> {
    return this.#guard('evict', name, () => this.#operations.evict(name, ticket, eviction));
  }

  /** @internal */
  keep(entry: OwnEntry, keeps: Keeps): Promise<void> {
    return this.#guard('wait', entry.name, () => this.#operations.keep(entry as EtcdEntry, keeps));
  }

  /** @internal */
  act(name: string, config: Config, action: Action): Promise<Answer> {
    return this.#guard(action.do, name, () => actOn(this.#resourceOf(name), config, action, this.#base));
  }

  /** @internal */
  takes(name: string, range: TakesRange): Promise<TakesView | null> {
    return this.#guard('look', name, () => this.#views.takes(name, range));
  }

  forget(name: string, options: ForgetOptions = {}): Promise<Forgotten> {
    FORGET.check(options);
    checkMs('idleMs', options.idleMs);
    return this.#guard('forget', name, async () => {
      const { isForgotten, line } = await forgetName(this.#resourceOf(name), options.idleMs);
      if (isForgotten) return 'forgotten';
      return line.state === null ? 'unknown' : 'in use';
    });
  }

  /** @internal */
  refresh(entry: OwnEntry): Promise<void> {
    return this.#guard('look', entry.name, async () => void (await this.#resourceOf(entry.name).settled()));
  }

  /** @internal */
  held(): EtcdEntry[] {
    const holding = this.#names.entries().filter(({ state }) => state === 'holding');
    return holding.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  snapshot(name: string): Promise<LineView | null> {
    return this.#guard('look', name, () => this.#views.of(name));
  }

  snapshots(names: readonly string[]): Promise<Array<LineView | null>> {
    return this.#guard('look', undefined, () => this.#views.cut(names));
  }

  names(): Promise<string[]> {
    return this.#guard('look', undefined, () => this.#names.list(this.#client));
  }

  withExpiry(lines: readonly LineView[]): Promise<LineView[]> {
    return this.#guard('look', undefined, () => this.#views.withExpiry(lines));
  }

  /** @internal */
  changed(of: OwnEntry | string, options: ChangedOptions): Promise<void> {
    const name = typeof of === 'string' ? of : of.name;
    const own = typeof of === 'string' ? null : (of as EtcdEntry);
    return this.#guard('wait', name, () => this.#names.open(name).waits.changed(own, options));
  }

  /** @internal */
  servers(): EtcdServers {
    return this.#servers;
  }

  /** @internal Ends the session, and all that it has in line. The next entry begins another one. Best effort, and never rejects. */
  endSession(): Promise<void> {
    return this.#lease.end();
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ends the session, and everything that goes on in the background. The store must not be used afterwards. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#abandoned.stop();
    this.#names.stop();
    await this.endSession();
    this.#client.close();
  }

  /** Whether a server answers: resolves if so. @throws {StoreError} (rejects) with `UNREACHABLE` or `DENIED` */
  async ping(): Promise<void> {
    await this.#guard('ping', undefined, () => this.#client.range({ key: this.#names.keys.base }));
  }

  #resourceOf(name: string): EtcdResource {
    return this.#names.open(name).resource;
  }
}
