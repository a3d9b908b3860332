import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import type { Owner } from './facts.ts';
import { Keepalive } from './keepalive.ts';
import { canHaveFile, type Session, sessionFile } from './session.ts';

/** A program that takes a lock for a moment never starts a keepalive: it would cost more than the lock. */
const KEEPALIVE_DELAY_MS = 250;
/** How often a watch that broke is set up again, before only polling is left. */
const MAX_WATCHES = 5;

export interface PresenceOptions {
  host: Host;
  session: Session;
  /** Where the session files are. */
  directory: string;
  store: Pick<StoreDirectory, 'path' | 'fileMode' | 'ground'>;
  /** 0 keeps none. */
  heartbeatMs: number;
}

/**
 * A session in one store: its file there. The file identifies the session, carries the keepalive, and is
 * watched: touching it wakes this session's waiters.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #listeners = new Set<() => void>();
  readonly #adopted = new Set<string>();
  #keepalive: Keepalive | null = null;
  #announced = false;
  #watches = 0;
  #stopWatching: (() => void) | null = null;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Where the session files are. */
  get directory(): string {
    return this.#options.directory;
  }

  get session(): Session {
    return this.#options.session;
  }

  get announced(): boolean {
    return this.#announced;
  }

  /** Makes the session's file, once. It must be there before the session's first record is. */
  announce(): void {
    if (this.#announced) return;
    this.#write(this.#path(this.session));
    this.#announced = true;
    if (this.#options.heartbeatMs === 0) return;
    this.#options.host.clock.timer(KEEPALIVE_DELAY_MS, false, () => this.#startKeepalive());
  }

  /** Makes the file again if it was deleted. */
  restore(): void {
    const path = this.#path(this.session);
    if (this.#announced && this.#options.host.files.look(path) === null) this.#write(path);
  }

  /** Keeps another session alive, for a process that does not use Lockstep. */
  announceFor(owner: Owner): void {
    const path = this.#path(owner);
    this.#write(path);
    this.#adopted.add(path);
    this.#keepalive?.keep(path);
  }

  /** Calls back when another session pokes this one. If `hears` is false, only polling finds a change. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#stopWatching) this.#watch();
    return () => this.#listeners.delete(listener);
  }

  get hears(): boolean {
    return this.#stopWatching !== null;
  }

  /** Wakes a session's waiters, if it is still there. A hint: if it is lost, they find out at their next poll. */
  poke(owner: Owner): void {
    if (!canHaveFile(owner)) return;
    try {
      this.#options.host.files.touch(this.#path(owner));
    } catch {
      // It polls too.
    }
  }

  /** Removes the files of a session that is gone. Its key is unique, so no successor's file is meant. */
  bury(owner: Pick<Owner, 'key' | 'facts'>): void {
    const { files } = this.#options.host;
    if (!canHaveFile(owner)) return;
    try {
      files.removeDirectory(`${this.#path(owner)}.lock`);
      files.remove(this.#path(owner));
    } catch {
      // A leftover harms nobody.
    }
  }

  /** Ends what `announceFor` began. */
  retire(owner: Owner): void {
    const path = this.#path(owner);
    if (!this.#adopted.delete(path)) return;
    this.#keepalive?.drop(path);
    this.bury(owner);
  }

  /** Removes everything that this session put into the store. */
  withdraw(): void {
    if (!this.#announced) return;
    this.#stopWatching?.();
    this.#stopWatching = null;
    this.#keepalive?.drop(this.#path(this.session));
    this.bury(this.session);
    this.#announced = false;
  }

  #path(owner: Pick<Owner, 'key' | 'facts'>): string {
    return `${this.#options.directory}/${sessionFile(owner)}`;
  }

  /** The key in its name is ours alone: so a file that is there is an earlier try's. */
  #write(path: string): void {
    const { host, directory } = this.#options;
    const { files } = host;
    checkOwnDirectory(host, directory);
    if (files.look(path)?.kind === 'file') return;
    const fd = files.create(path, this.#options.store.fileMode);
    try {
      files.close(fd);
    } catch {
      // Nothing was written into it.
    }
  }

  #startKeepalive(): void {
    if (!this.#announced) return;
    const { heartbeatMs, directory, store } = this.#options;
    const place = store.ground?.place ?? null;
    const sessions = {
      place: place === null ? null : `${place}${directory.slice(store.path.length)}`,
      belonging: store.ground?.belonging,
    };
    this.#keepalive = new Keepalive(heartbeatMs, sessions, () => this.#wake());
    this.#keepalive.keep(this.#path(this.session));
    for (const path of this.#adopted) this.#keepalive.keep(path);
  }

  #watch(): void {
    if (this.#watches >= MAX_WATCHES) return;
    this.#watches += 1;
    try {
      this.#stopWatching = this.#options.host.files.watch(this.#path(this.session), (event) => this.#onEvent(event));
    } catch {
      // Out of inotify instances or watches (128 a user, by default): polling goes on.
      this.#stopWatching = null;
    }
  }

  #onEvent(event: 'changed' | 'gone' | 'failed'): void {
    if (event !== 'changed') {
      this.#stopWatching?.();
      this.#stopWatching = null;
      if (event === 'gone') this.#restoreQuietly();
    }
    this.#wake();
  }

  /** The file was removed; sessions that cannot see our process need it to judge us. */
  #restoreQuietly(): void {
    try {
      this.restore();
    } catch {
      // Without it we cannot be judged, and count as alive.
    }
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
