import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { type CommandLifeline, CommandLifelines } from './command-lifeline.ts';
import type { Owner } from './facts.ts';
import { Keepalive } from './keepalive.ts';
import type { Lifelines } from './lifeline.ts';
import {
  canHaveFile,
  type Session,
  type SessionId,
  sessionFile,
  sessionKeepalive,
  sessionLifeline,
  sessionSeen,
} from './session.ts';

/** A program that takes a lock for a moment never starts a keepalive: it would cost more than the lock. */
const KEEPALIVE_DELAY_MS = 250;
/** How often a watch that broke is set up again, before only polling is left. */
const MAX_WATCHES = 5;

export interface PresenceOptions {
  host: Host;
  session: Session;
  /** Where the session files are. */
  directory: string;
  /** Null: it has none. */
  lifelines: Lifelines | null;
  store: Pick<StoreDirectory, 'path' | 'fileMode' | 'ground'>;
  /** How often the keepalive is refreshed; 0: there is none. */
  keepaliveMs: number;
}

/**
 * A session in one store: its files there. One identifies the session and is watched: touching it wakes this session's
 * waiters. Its lifeline proves to this kernel's processes that the session lives, and its keepalive to other machines.
 */
export class Presence {
  /** The lifelines of commands that are owners of this session's entries. */
  readonly commands: CommandLifelines;
  readonly #options: PresenceOptions;
  readonly #listeners = new Set<() => void>();
  /** The descriptors of lifelines, by their names. */
  readonly #lifelines = new Map<string, number>();
  /** The files of the sessions that we made for other processes. */
  readonly #adopted = new Set<string>();
  #keepalive: Keepalive | null = null;
  #announced = false;
  #watches = 0;
  #stopWatching: (() => void) | null = null;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.commands = new CommandLifelines(options);
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

  /** Makes the session's files, once. They must be there before the session's first record is. */
  announce(): void {
    if (this.#announced) return;
    this.#write(this.#path(this.session));
    this.#hold(sessionLifeline(this.session));
    this.#announced = true;
    if (this.#options.keepaliveMs === 0) return;
    this.#options.host.clock.timer(KEEPALIVE_DELAY_MS, false, () => this.#startKeepalive());
  }

  /** Makes the files again that were deleted. */
  restore(): void {
    if (!this.#announced) return;
    const { files } = this.#options.host;
    const path = this.#path(this.session);
    if (files.look(path) === null) this.#write(path);
    for (const [name, fd] of [...this.#lifelines]) {
      if (files.look(`${this.#options.directory}/${name}`) !== null) continue;
      this.#hold(name);
      this.#options.lifelines?.close(fd);
    }
  }

  /** Makes the files of another session, for a process that does not use Lockstep. */
  announceFor(owner: Owner, lifeline: CommandLifeline | null = null): void {
    const path = this.#path(owner);
    try {
      this.#write(path);
    } catch (error) {
      lifeline?.discard();
      throw error;
    }
    this.#adopted.add(path);
    this.commands.watch(owner, lifeline, this.commands.give(owner, lifeline));
    this.#keepalive?.keep(path);
  }

  /** Calls back when another session pokes this one. If `isNotified` is false, only polling finds a change. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#stopWatching) this.#watch();
    return () => this.#listeners.delete(listener);
  }

  get isNotified(): boolean {
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

  /** Ends what `announceFor` began. */
  retire(owner: Owner): void {
    const path = this.#path(owner);
    if (!this.#adopted.delete(path)) return;
    this.#keepalive?.drop(path);
    this.#remove(owner);
    this.commands.retire(owner);
  }

  /**
   * Removes everything that this session put into the store. `isKept`: but for its lifelines, which prove that it has
   * ended, because entries of it are still in line.
   */
  withdraw(isKept = false): void {
    if (!this.#announced) return;
    this.#stopWatching?.();
    this.#stopWatching = null;
    this.#keepalive?.drop(this.#path(this.session));
    this.#remove(this.session);
    for (const [name, fd] of this.#lifelines) this.#options.lifelines?.release(name, fd, isKept);
    this.#lifelines.clear();
    this.#announced = false;
  }

  #hold(name: string): void {
    const fd = this.#options.lifelines?.hold(name) ?? null;
    if (fd === null) this.#lifelines.delete(name);
    else this.#lifelines.set(name, fd);
  }

  #remove(id: SessionId): void {
    const { host, directory, keepaliveMs } = this.#options;
    const { files } = host;
    try {
      if (keepaliveMs > 0) files.removeDirectory(`${directory}/${sessionKeepalive(id)}`);
      files.remove(this.#path(id));
      if (keepaliveMs > 0) files.remove(`${directory}/${sessionSeen(id)}`);
    } catch {
      // A leftover harms nobody.
    }
  }

  #path(id: SessionId): string {
    return `${this.#options.directory}/${sessionFile(id)}`;
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
    const { keepaliveMs, directory, store } = this.#options;
    const place = store.ground?.place ?? null;
    const sessions = {
      place: place === null ? null : `${place}${directory.slice(store.path.length)}`,
      belonging: store.ground?.belonging,
    };
    this.#keepalive = new Keepalive(keepaliveMs, sessions, () => this.#wake());
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
