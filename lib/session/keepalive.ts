import type { Worker } from 'node:worker_threads';
import type { Belonging } from '../host/host.ts';
import { ownFile } from '../host/own-file.ts';
import { KEEPALIVE_CODE } from './keepalive-code.ts';

/** How often a session proves that it is alive to sessions that cannot see its process. */
export const KEEPALIVE_MS = 5_000;
/** A worker that keeps failing, or may not start, is not started again: without a keepalive a session counts as alive. */
const MAX_STARTS = 5;

export interface KeepaliveOrder {
  do: 'keep' | 'drop';
  path: string;
  sessions: SessionsPlace;
}

/** The directory of the keepalives, as the store's check found it. */
export interface SessionsPlace {
  /** All links resolved; null: not checked. */
  place: string | null;
  /** The owner that a keepalive's directory is given. */
  belonging: Belonging | undefined;
}

/**
 * Keeps proper-lockfile's lock (a directory whose time is refreshed) on session files.
 *
 * In a worker thread, for two reasons: a program that blocks its event loop for a minute under a lock
 * is alive all the same; and proper-lockfile installs signal handlers when it is loaded, which in a
 * worker have no effect.
 */
export class Keepalive {
  readonly #beatMs: number;
  readonly #onMissed: () => void;
  readonly #sessions: SessionsPlace;
  readonly #paths = new Set<string>();
  #worker: Worker | null = null;
  #starts = 0;

  /** `onMissed` is called when a refresh was so late that others may have judged the session dead. */
  constructor(beatMs: number, sessions: SessionsPlace, onMissed: () => void) {
    this.#beatMs = beatMs;
    this.#sessions = sessions;
    this.#onMissed = onMissed;
  }

  keep(path: string): void {
    this.#paths.add(path);
    if (this.#worker) this.#post('keep', path);
    else this.#start();
  }

  drop(path: string): void {
    this.#paths.delete(path);
    this.#post('drop', path);
  }

  #post(order: KeepaliveOrder['do'], path: string): void {
    this.#worker?.postMessage({ do: order, path, sessions: this.#sessions } satisfies KeepaliveOrder);
  }

  #start(): void {
    if (this.#starts >= MAX_STARTS) return;
    this.#starts += 1;
    const worker = this.#thread();
    this.#worker = worker;
    if (!worker) return;
    worker.on('message', this.#onMissed);
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.#worker = null;
      if (this.#paths.size > 0) this.#start();
    });
    // After the listeners: adding one would make the process wait for the worker again.
    worker.unref();
    for (const path of this.#paths) this.#post('keep', path);
  }

  /** Null where no thread may be started: by a limit of the system, or by Node's permissions. */
  #thread(): Worker | null {
    // A bundle has the program as text only.
    const file = ownFile(import.meta.url, 'keepalive-worker.js');
    const program = file ?? KEEPALIVE_CODE;
    if (program === null) return null;
    try {
      // Loaded when it is needed: most processes end before that.
      const { Worker } = process.getBuiltinModule('node:worker_threads');
      const workerData = { beatMs: this.#beatMs };
      return new Worker(program, { workerData, eval: file === null, execArgv: [], stdin: false });
    } catch {
      return null;
    }
  }
}
