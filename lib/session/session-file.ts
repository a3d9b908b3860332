import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import type { Owner } from './facts.ts';
import { Heartbeat } from './keepalive.ts';
import { canHaveFile, type Session, sessionFile } from './session.ts';

/** A program that takes a lock for a moment never starts a heartbeat: it would cost more than the lock. */
const HEARTBEAT_DELAY_MS = 250;
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
 * A session in one store: its file there. The file says who it is, carries the heartbeat, and is
 * watched: whoever touches it wakes this session's waiters.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #listeners = new Set<() => void>();
  readonly #adopted = new Set<string>();
  #heartbeat: Heartbeat | null = null;
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
    this.#options.host.clock.timer(HEARTBEAT_DELAY_MS, false, () => this.#beat());
  }

  /** Makes the file again if somebody deleted it. */
  restore(): void {
    const path = this.#path(this.session);
    if (this.#announced && this.#options.host.files.look(path) === null) this.#write(path);
  }

  /** Keeps another session's heartbeat, for a process that knows nothing of Lockstep. */
  announceFor(owner: Owner): void {
    const path = this.#path(owner);
    this.#write(path);
    this.#adopted.add(path);
    this.#heartbeat?.keep(path);
  }

  /** Calls back when somebody pokes this session. False from `hears` means that only polling will tell. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#stopWatching) this.#watch();
    return () => this.#listeners.delete(listener);
  }

  get hears(): boolean {
    return this.#stopWatching !== null;
  }

  /** Wakes a session's waiters, if it is still there. A hint: losing it costs them a poll's time. */
  poke(owner: Owner): void {
    if (!canHaveFile(owner)) return;
    try {
      this.#options.host.files.touch(this.#path(owner));
    } catch {
      // It polls too.
    }
  }

  /** Removes what a session that is gone left behind. Its key is its own, so no successor's file is meant. */
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

  /** The end of what `announceFor` began. */
  retire(owner: Owner): void {
    const path = this.#path(owner);
    if (!this.#adopted.delete(path)) return;
    this.#heartbeat?.drop(path);
    this.bury(owner);
  }

  /** Takes back everything that this session put into the store. */
  withdraw(): void {
    if (!this.#announced) return;
    this.#stopWatching?.();
    this.#stopWatching = null;
    this.#heartbeat?.drop(this.#path(this.session));
    this.bury(this.session);
    this.#announced = false;
  }

  #path(owner: Pick<Owner, 'key' | 'facts'>): string {
    return `${this.#options.directory}/${sessionFile(owner)}`;
  }

  /** The key in its name is ours alone: so a file that is there is what an earlier try left. */
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

  #beat(): void {
    if (!this.#announced) return;
    const { heartbeatMs, directory, store } = this.#options;
    const place = store.ground?.place ?? null;
    const sessions = {
      place: place === null ? null : `${place}${directory.slice(store.path.length)}`,
      belonging: store.ground?.belonging,
    };
    this.#heartbeat = new Heartbeat(heartbeatMs, sessions, () => this.#wake());
    this.#heartbeat.keep(this.#path(this.session));
    for (const path of this.#adopted) this.#heartbeat.keep(path);
  }

  #watch(): void {
    if (this.#watches >= MAX_WATCHES) return;
    this.#watches += 1;
    try {
      this.#stopWatching = this.#options.host.files.watch(this.#path(this.session), (event) => this.#heard(event));
    } catch {
      // Out of inotify instances or watches (128 a user, by default): polling goes on.
      this.#stopWatching = null;
    }
  }

  #heard(event: 'changed' | 'gone' | 'failed'): void {
    if (event !== 'changed') {
      this.#stopWatching?.();
      this.#stopWatching = null;
      if (event === 'gone') this.#restoreQuietly();
    }
    this.#wake();
  }

  /** Somebody tidied the file away; who cannot see our process needs it to judge us. */
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
