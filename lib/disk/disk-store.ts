import path from 'node:path';
import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import type { Eviction, Keeps } from '../line/entry.ts';
import { checkMs, OptionNames } from '../options/option-names.ts';
import { KEEPALIVE_MS } from '../session/keepalive.ts';
import { Lifelines } from '../session/lifeline.ts';
import { Judge } from '../session/liveness.ts';
import type { Session } from '../session/session.ts';
import { Presence } from '../session/session-file.ts';
import type {
  AdoptOptions,
  ChangedOptions,
  CommandLifeline,
  ForgetOptions,
  Forgotten,
  LineView,
  OwnEntry,
  Request,
  SyncStore,
} from '../store/store.ts';
import type { Clock } from '../time/clock.ts';
import { waitUntil } from '../time/wait.ts';
import type { DiskEntry } from './disk-entry.ts';
import { blockUntilChanged, entryChanged } from './entry-wait.ts';
import { OpenResources } from './open-resources.ts';
import { type SweepOptions, sweepSessions } from './session-sweep.ts';

/** How often a caller without an entry looks at a line by itself. */
const LINE_POLL_MS = 100;

const FORGET = new OptionNames<ForgetOptions>('forget(name, …)', { idleMs: true }, { number: 'idleMs' });

export interface DiskStoreOptions {
  host: Host;
  session: Session;
  directory: StoreDirectory;
  /**
   * How often this session shows other machines of a guarded store that it is alive, in ms. Default 5,000. 0: it shows that
   * nobody, and is judged by its pid alone.
   */
  heartbeatMs?: number;
  /** Of a guarded store: how long another session's keepalive must stand still before the session counts as dead, in ms. Default 120,000. */
  patienceMs?: number;
  /** Journals are rotated past this many bytes. Default 65,536. */
  rotateBytes?: number;
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
  readonly #host: Host;
  readonly #judge: Judge;
  /** This session's part in the store. */
  readonly presence: Presence;
  readonly #resources: OpenResources;
  readonly #sweep: SweepOptions;

  constructor(options: DiskStoreOptions) {
    const { host, session, directory, rotateBytes, readOnly } = options;
    this.place = directory.path;
    this.#host = host;
    const sessions = path.join(directory.path, 'sessions');
    // Other machines cannot ask this kernel, so they need a sign on the server.
    const keepaliveMs = directory.guarded ? (options.heartbeatMs ?? KEEPALIVE_MS) : 0;
    const lifelines = new Lifelines({ host, directory: sessions, store: directory });
    const seenMode = directory.guarded && !readOnly ? directory.fileMode : null;
    this.#judge = new Judge({
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
      ...{ host, directory, presence: this.presence, judge: this.#judge },
      ...(rotateBytes === undefined ? {} : { rotateBytes }),
      ...(readOnly === undefined ? {} : { readOnly }),
    });
    this.#sweep = {
      ...{ host, directory: sessions, lifelines, local: directory.local },
      countLines: () => this.#resources.count(),
      lines: () => this.#resources.lines(),
    };
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

  act(name: string, config: Config, action: Action): number | null {
    return this.#resources.use(name, config, (resource) => resource.act(config, action));
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
    return this.#resources.find(name)?.view() ?? null;
  }

  names(): string[] {
    return this.#resources.names();
  }

  refresh(entry: OwnEntry): void {
    (entry as DiskEntry).resource.refreshInPlace();
  }

  changed(of: OwnEntry | string, options: ChangedOptions): Promise<void> {
    if (typeof of === 'string') return this.#lineChanged(of, options);
    return entryChanged(of as DiskEntry, this.presence, this.clock, options);
  }

  wait(entry: OwnEntry, timeoutMs: number): void {
    blockUntilChanged(entry as DiskEntry, this.clock, timeoutMs);
  }

  blocking<T>(call: () => T): T {
    return this.#host.processes.blocking(call);
  }

  /** Where a resource's journals are, so that they can be watched. */
  directoryOf(name: string): string {
    return this.#resources.directoryOf(name);
  }

  /** A caller without an entry watches the journal itself: the first change ends the wait, or one poll. */
  #lineChanged(name: string, { timeoutMs, ...options }: ChangedOptions): Promise<void> {
    let hasChanged = false;
    return waitUntil({
      clock: this.clock,
      timeoutMs: Math.min(LINE_POLL_MS, timeoutMs),
      ...options,
      pollMs: () => LINE_POLL_MS,
      look: () => hasChanged,
      listen: (hint) => {
        try {
          return this.#host.files.watch(this.directoryOf(name), () => {
            hasChanged = true;
            hint();
          });
        } catch {
          // Not there yet, or out of inotify instances: the poll looks again.
          return () => undefined;
        }
      },
    });
  }

  #begin(name: string): void {
    this.#resources.guard(name, () => {
      // It may have been removed since the resource was opened, or never made, if that was for a look only.
      this.#resources.makeOwn(this.presence.directory);
      this.presence.announce();
    });
    this.#host.processes.atExit(this.#giveBack);
    sweepSessions(this.#sweep);
  }

  #join(name: string, config: Config, request: Request): DiskEntry {
    return this.#resources.use(name, config, (resource) => {
      if (!this.presence.announced) this.#begin(name);
      return resource.join(config, request);
    });
  }

  /**
   * Ends every entry that this session answers for, for the process is about to end. An entry that was
   * adopted by a process that lives on is that one's now.
   */
  readonly #giveBack = (): void => {
    let isLeft = false;
    for (const resource of this.#resources.all()) {
      resource.flushAbandoned();
      for (const entry of resource.entries) {
        try {
          if (entry.adopters.some((owner) => this.#judge.whyDead(owner, this.clock.wallMicros()) === null))
            isLeft = true;
          else resource.leave(entry);
        } catch {
          // Then it is stale once we are gone, and the next waiter evicts it.
          isLeft = true;
        }
      }
      if (resource.inUse) isLeft = true;
    }
    this.presence.withdraw(isLeft);
  };
}
