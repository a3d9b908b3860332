import path from 'node:path';
import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import type { Eviction, Keeps } from '../line/entry.ts';
import type { Item } from '../line/item.ts';
import type { Answer } from '../line/outcome.ts';
import { checkMs, OptionNames } from '../options/option-names.ts';
import { KEEPALIVE_MS } from '../session/keepalive.ts';
import { Lifelines } from '../session/lifeline.ts';
import { Judge } from '../session/liveness.ts';
import type { Session } from '../session/session.ts';
import { Presence } from '../session/session-file.ts';
import type {
  AdoptOptions,
  Capabilities,
  ChangedOptions,
  CommandLifeline,
  ForgetOptions,
  Forgotten,
  LineView,
  OwnEntry,
  Request,
  SyncStore,
} from '../store/store.ts';
import type { TakesRange, TakesView } from '../store/takes-view.ts';
import type { Clock } from '../time/clock.ts';
import { Attendance } from './attendance.ts';
import type { DiskEntry } from './disk-entry.ts';
import { lineChanged } from './line-change.ts';
import { OpenResources } from './open-resources.ts';

const FORGET = new OptionNames<ForgetOptions>('forget(name, …)', { idleMs: true }, { number: 'idleMs' });

/** Two journals are read one after the other. */
const CAPABILITIES: Capabilities = { leases: false, reopens: true, cuts: false };

/** How a store on disk proves that a session is alive, and when it begins a new journal. */
export interface StoreTraits {
  /**
   * How often this session shows other machines of a guarded store that it is alive, in ms. Default 5,000. 0: never; it
   * is judged by its pid alone.
   */
  heartbeatMs?: number;
  /** Of a guarded store: how long another session's keepalive must stand still before the session counts as dead, in ms. Default 120,000. */
  patienceMs?: number;
  /** Journals are rotated past this many bytes. Default 122,880. */
  rotateBytes?: number;
}

export interface DiskStoreOptions extends StoreTraits {
  host: Host;
  session: Session;
  directory: StoreDirectory;
  /** Only `names` and `snapshot` will be called, and they write nothing, not even what another left half done. */
  readOnly?: boolean;
}

/**
 * The store on disk: `<store>/resources/<name>/journal.<epoch>`, and `<store>/sessions/<pid>-<key>`. It answers
 * everything at once, but for `changed`.
 */
export class DiskStore implements SyncStore {
  readonly place: string;
  readonly sync = this;
  readonly records = null;
  readonly capabilities = CAPABILITIES;
  readonly #host: Host;
  /** This session's part in the store. */
  readonly presence: Presence;
  readonly #resources: OpenResources;
  readonly #attendance: Attendance;

  constructor(options: DiskStoreOptions) {
    const { host, session, directory, rotateBytes, readOnly } = options;
    this.place = directory.path;
    this.#host = host;
    const sessions = path.join(directory.path, 'sessions');
    // Other machines cannot ask this kernel, so they need a sign on the server.
    const keepaliveMs = directory.guarded ? (options.heartbeatMs ?? KEEPALIVE_MS) : 0;
    const lifelines = new Lifelines({ host, directory: sessions, store: directory });
    const seenMode = directory.guarded && !readOnly ? directory.fileMode : null;
    const judge = new Judge({
      host,
      directory: sessions,
      local: directory.local,
      patienceMs: options.patienceMs,
      seenMode,
    });
    this.presence = new Presence({
      ...{ host, session, directory: sessions, store: directory, keepaliveMs },
      lifelines: options.heartbeatMs === 0 ? null : lifelines,
    });
    this.#resources = new OpenResources({
      ...{ host, directory, presence: this.presence, judge },
      ...(rotateBytes === undefined ? {} : { rotateBytes }),
      ...(readOnly === undefined ? {} : { readOnly }),
    });
    const sweep = { host, directory: sessions, lifelines, local: directory.local };
    const { presence } = this;
    this.#attendance = new Attendance({ host, presence, judge, resources: this.#resources, sweep });
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  join(name: string, config: Config, request: Request): DiskEntry {
    if (request.blocks) return this.#join(name, config, request);
    const over = this.#host.processes.atSignals(!request.onlyIfGranted);
    try {
      return this.#join(name, config, request).whenOut(over);
    } catch (error) {
      over();
      throw error;
    }
  }

  /** An asynchronous caller goes on when signals have their own effects again. */
  leave(entry: OwnEntry): Promise<void> | undefined {
    const own = entry as DiskEntry;
    own.resource.leave(own);
    return this.#host.processes.signalsRestored();
  }

  done(entry: OwnEntry): Promise<void> | undefined {
    const own = entry as DiskEntry;
    own.resource.done(own);
    return this.#host.processes.signalsRestored();
  }

  itemOf(entry: OwnEntry): Item | null {
    return (entry as DiskEntry).item;
  }

  abandon(entry: OwnEntry, passOn?: Eviction): Promise<void> | undefined {
    const own = entry as DiskEntry;
    own.resource.abandon(own, passOn);
    return this.#host.processes.signalsRestored();
  }

  adopt(entry: OwnEntry, pid: number, options: AdoptOptions): boolean {
    const own = entry as DiskEntry;
    return this.#resources.guard(own.name, () => own.resource.adopt(own, pid, options));
  }

  commandLifeline(): CommandLifeline | null {
    return this.presence.commands.prepare();
  }

  evict(name: string, ticket: number, eviction: Eviction): boolean {
    return this.#resources.find(name)?.evict(ticket, eviction) ?? false;
  }

  keep(entry: OwnEntry, keeps: Keeps): void {
    const own = entry as DiskEntry;
    own.resource.keep(own, keeps);
  }

  act(name: string, config: Config, action: Action): Answer {
    return this.#resources.use(name, config, (resource) => resource.act(config, action));
  }

  takes(name: string, range: TakesRange): TakesView | null {
    return this.#resources.find(name)?.takes(range) ?? null;
  }

  forget(name: string, options: ForgetOptions = {}): Forgotten {
    FORGET.check(options);
    checkMs('idleMs', options.idleMs);
    return this.#resources.forget(name, options);
  }

  held(): DiskEntry[] {
    const entries = this.#resources.all().flatMap((resource) => resource.entries);
    return entries.filter(({ state }) => state === 'holding').sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  snapshot(name: string): LineView | null {
    return this.#resources.view(name);
  }

  snapshots(names: readonly string[]): Array<LineView | null> {
    return names.map((name) => this.snapshot(name));
  }

  names(): string[] {
    return this.#resources.names();
  }

  /** Only looks: a store that is not there yet is made at its first use. */
  ping(): void {
    this.names();
  }

  /** Gives back what the process has in line, as its end would. */
  close(): void {
    this.#attendance.end();
    this.#resources.close();
  }

  refresh(entry: OwnEntry): void {
    (entry as DiskEntry).resource.refreshInPlace();
  }

  changed(of: OwnEntry | string, options: ChangedOptions): Promise<void> {
    if (typeof of === 'string') {
      const revision = () => this.snapshot(of)?.revision ?? 0;
      return lineChanged({ host: this.#host, directory: this.directoryOf(of), revision }, options);
    }
    const own = of as DiskEntry;
    return own.resource.waits.changed(own, options);
  }

  wait(entry: OwnEntry, timeoutMs: number): void {
    const own = entry as DiskEntry;
    own.resource.waits.block(own, timeoutMs);
  }

  blocking<T>(call: () => T): T {
    return this.#host.processes.blocking(call);
  }

  /** Where a resource's journals are, so that they can be watched. */
  directoryOf(name: string): string {
    return this.#resources.directoryOf(name);
  }

  #join(name: string, config: Config, request: Request): DiskEntry {
    return this.#resources.use(name, config, (resource) => {
      if (!this.presence.announced) this.#attendance.begin(name);
      return resource.join(config, request);
    });
  }
}
