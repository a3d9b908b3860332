import path from 'node:path';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { Journal } from '../journal/journal.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import type { Keeps } from '../line/entry.ts';
import { DEAF, type Eviction, Line } from '../line/line.ts';
import { HEARTBEAT_MS } from '../session/keepalive.ts';
import { GUARDED_PATIENCE_MS, HEARTBEAT_PATIENCE_MS, Judge } from '../session/liveness.ts';
import type { Session } from '../session/session.ts';
import { Presence } from '../session/session-file.ts';
import { encodeName } from '../store/name.ts';
import type { AdoptOptions, LineView, OwnEntry, Request, SyncStore } from '../store/store.ts';
import type { DiskEntry } from './disk-entry.ts';
import { DiskResource } from './disk-resource.ts';

/** A blocked thread hears nothing: it looks often at first, then more and more rarely. */
const POLL_LEAST_MS = 0.2;
const POLL_MOST_MS = 10;
/** How often a blocked thread looks whether somebody died in front of it. */
const JUDGE_EVERY_MS = 25;
/** On a network file system who is slow cannot read a deleted epoch to its end: so they are deleted late. */
const GUARDED_EPOCHS = 64;
/** Journals kept open though nobody here has an entry in them. */
const MAX_IDLE_RESOURCES = 128;

export interface DiskOptions {
  host: Host;
  session: Session;
  directory: StoreDirectory;
  /** How often this session shows that it is alive, in ms; 0: never. Default 5,000. */
  heartbeatMs?: number;
  /** How long another's heartbeat must stand still before it counts as dead, in ms. Default 30,000. */
  patienceMs?: number;
  /** Journals are rotated past this many bytes. Default 65,536. */
  rotateBytes?: number;
  /** Only `names` and `snapshot` will be called, and they write nothing, not even what another left half done. */
  readOnly?: boolean;
}

/**
 * A store in files, and all that it can do at once:
 * `<store>/resources/<name>/journal.<epoch>`, and `<store>/sessions/<pid>-<key>`.
 */
export class Disk implements SyncStore {
  readonly presence: Presence;
  readonly #options: DiskOptions;
  readonly #judge: Judge;
  readonly #resources = new Map<string, DiskResource>();

  /** @throws {StoreError} */
  constructor(options: DiskOptions) {
    this.#options = options;
    const { host, session, directory } = options;
    const sessions = this.#sessions;
    const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    const patienceMs = options.patienceMs ?? (directory.guarded ? GUARDED_PATIENCE_MS : HEARTBEAT_PATIENCE_MS);
    this.presence = new Presence({ host, session, directory: sessions, store: directory, heartbeatMs });
    this.#judge = new Judge({ host, directory: sessions, local: directory.local, patienceMs });
  }

  join(name: string, config: Config, request: Request): DiskEntry {
    const resource = this.#current(name) ?? this.#make(name, config);
    if (!this.presence.announced) this.#begin(name);
    return resource.join(config, request);
  }

  leave(entry: OwnEntry): void {
    const own = entry as DiskEntry;
    own.resource.leave(own);
  }

  abandon(entry: OwnEntry, passOn?: Eviction): void {
    const own = entry as DiskEntry;
    own.resource.abandon(own, passOn);
  }

  adopt(entry: OwnEntry, pid: number, options: AdoptOptions): boolean {
    const own = entry as DiskEntry;
    return this.#guard(own.name, () => own.resource.adopt(own, pid, options));
  }

  evict(name: string, ticket: number, eviction: Eviction): boolean {
    return this.#find(name)?.evict(ticket, eviction) ?? false;
  }

  keep(entry: OwnEntry, keeps: Keeps): void {
    const own = entry as DiskEntry;
    own.resource.keep(own, keeps);
  }

  act(name: string, config: Config, action: Action): number | null {
    const resource = this.#current(name) ?? this.#make(name, config);
    return resource.act(config, action);
  }

  held(): DiskEntry[] {
    const entries = [...this.#resources.values()].flatMap((resource) => resource.entries);
    return entries.filter(({ state }) => state === 'holding').sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  snapshot(name: string): LineView | null {
    const resource = this.#find(name);
    resource?.refreshInPlace();
    return resource?.view() ?? null;
  }

  names(): string[] {
    return this.#guard(undefined, () => this.#listAll())
      .flatMap((encoded) => this.#nameOf(encoded) ?? [])
      .sort();
  }

  refresh(entry: OwnEntry): void {
    (entry as DiskEntry).resource.refreshInPlace();
  }

  blocking<T>(call: () => T): T {
    return this.#options.host.processes.blocking(call);
  }

  wait(entry: OwnEntry, timeoutMs: number): void {
    const own = entry as DiskEntry;
    const { clock } = this.#options.host;
    const deadline = clock.monotonicMs() + timeoutMs;
    let judgeAt = clock.monotonicMs() + JUDGE_EVERY_MS;
    let pollMs = POLL_LEAST_MS;
    while (own.state === 'waiting') {
      const now = clock.monotonicMs();
      if (now >= deadline) return;
      clock.sleep(Math.min(pollMs, deadline - now));
      pollMs = Math.min(pollMs * 1.5, POLL_MOST_MS);
      own.resource.refreshInPlace();
      if (own.state !== 'waiting' || clock.monotonicMs() < judgeAt) continue;
      own.resource.expelDeadBefore(own);
      judgeAt = clock.monotonicMs() + JUDGE_EVERY_MS;
    }
  }

  get #sessions(): string {
    return path.join(this.#options.directory.path, 'sessions');
  }

  get #directoryOfAll(): string {
    return path.join(this.#options.directory.path, 'resources');
  }

  /** Where a resource's journals are, so that they can be watched. */
  directoryOf(name: string): string {
    return path.join(this.#options.directory.path, 'resources', encodeName(name));
  }

  /**
   * Ends every entry that this session answers for, for the process is about to end. An entry that was
   * adopted by a process that lives on is that one's now.
   */
  readonly #giveBack = (): void => {
    for (const resource of this.#resources.values()) {
      resource.payDebts();
      for (const entry of resource.entries) {
        try {
          if (!entry.adopters.some((owner) => this.#judge.whyDead(owner) === null)) resource.leave(entry);
        } catch {
          // Then it is stale once we are gone, and the next waiter evicts it.
        }
      }
    }
    this.presence.withdraw();
  };

  #begin(name: string): void {
    this.#guard(name, () => {
      // It may have been tidied away since the resource was opened, or never made, if that was for a look only.
      this.#makeOwn(this.#sessions);
      this.presence.announce();
    });
    this.#options.host.processes.atExit(this.#giveBack);
  }

  #find(name: string): DiskResource | null {
    return this.#current(name) ?? this.#open(name, null);
  }

  /** The resource, if it is open and still the one in the store. */
  #current(name: string): DiskResource | undefined {
    const resource = this.#resources.get(name);
    if (!resource?.isGone()) return resource;
    resource.close();
    this.#resources.delete(name);
    return undefined;
  }

  #make(name: string, config: Config): DiskResource {
    this.#makeDirectories(name);
    const resource = this.#open(name, config);
    // `#open` answers null only where it may not make the journal.
    if (!resource) throw new RangeError(`${name} was not made`);
    return resource;
  }

  #makeDirectories(name: string): void {
    const { directory } = this.#options;
    this.#guard(name, () => {
      // Somebody may have deleted the store since we opened it: as at its first use, then.
      directory.remake();
      for (const own of [this.#sessions, this.#directoryOfAll, this.directoryOf(name)]) this.#makeOwn(own);
      this.presence.restore();
    });
  }

  #listAll(): string[] {
    const { host } = this.#options;
    checkOwnDirectory(host, this.#directoryOfAll);
    return host.files.list(this.#directoryOfAll) ?? [];
  }

  #checkDirectories(name: string): void {
    for (const own of [this.#directoryOfAll, this.directoryOf(name)]) checkOwnDirectory(this.#options.host, own);
  }

  #makeOwn(own: string): void {
    const { host, directory } = this.#options;
    host.files.makeDirectory(own, directory.directoryMode);
    checkOwnDirectory(host, own);
  }

  #open(name: string, initial: Config | null): DiskResource | null {
    const { host, directory, rotateBytes, readOnly = false } = this.#options;
    // Where it is opened for a look only, nothing was made, nor checked.
    if (!initial) this.#guard(name, () => this.#checkDirectories(name));
    const resource = DiskResource.open(
      {
        host,
        presence: this.presence,
        judge: this.#judge,
        directory: this.directoryOf(name),
        name,
        fileMode: directory.fileMode,
        readOnly,
        ...(rotateBytes === undefined ? {} : { rotateBytes }),
        ...(directory.guarded ? { keptEpochs: GUARDED_EPOCHS } : {}),
      },
      initial,
    );
    if (resource) this.#keep(name, resource);
    return resource;
  }

  #keep(name: string, resource: DiskResource): void {
    for (const [key, idle] of this.#resources) {
      if (this.#resources.size < MAX_IDLE_RESOURCES) break;
      if (idle.inUse) continue;
      idle.close();
      this.#resources.delete(key);
    }
    this.#resources.set(name, resource);
  }

  /** A directory's name is the resource's, encoded; a long one is in the journal's header only. */
  #nameOf(encoded: string): string | null {
    // No name is encoded with a dot in front.
    if (encoded.startsWith('.')) return null;
    try {
      const name = encoded.includes('~')
        ? this.#nameInJournal(path.join(this.#directoryOfAll, encoded))
        : decodeURIComponent(encoded);
      return name !== null && encodeName(name) === encoded ? name : null;
    } catch {
      // Not ours: somebody put it there.
      return null;
    }
  }

  #nameInJournal(directory: string): string | null {
    const { host, session, directory: store, readOnly = false } = this.#options;
    const load = (header: unknown) => new Line(header, DEAF);
    const journal = Journal.open({
      host,
      directory,
      subject: directory,
      key: session.key,
      fileMode: store.fileMode,
      readOnly,
      load,
    });
    journal?.close();
    return journal?.machine.name ?? null;
  }

  #guard<T>(name: string | undefined, call: () => T): T {
    try {
      return call();
    } catch (error) {
      const at = { operation: 'use the store', path: this.#options.directory.path };
      throw storeErrorOf(error, name === undefined ? at : { ...at, resource: name });
    }
  }
}
