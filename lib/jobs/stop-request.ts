import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { removeQuietly } from '../host/remove-quietly.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { writeWhole } from '../host/whole-write.ts';
import { isCount } from '../journal/record.ts';
import { jobDirectory, runFile } from './record-format.ts';
import { PRIVATE } from './record-writer.ts';
import type { RunStart } from './run.ts';

/**
 * A request to a run to stop: the file `<start>-<key>.end` beside its record. The run's own wrapper watches for the file
 * and ends the command that it started, so no process is ever signalled because a file names it.
 */

/** How often a run looks for a request; notifications make it faster. */
const LOOK_MS = 500;
const MAX_BYTES = 16 * 1024;

/** The run that makes the request. */
export interface StopRequest {
  /** The key of the run that takes over. */
  key: string;
  pid: number;
  host: string;
  /** In ms since 1970. */
  at: number;
}

type Named = Pick<RunStart, 'job' | 'at' | 'key'>;
type Place = Pick<StoreDirectory, 'path' | 'fileMode' | 'ground'>;

export function stopRequestFile(run: Pick<RunStart, 'at' | 'key'>): string {
  return runFile(run).replace(/run$/, 'end');
}

function pathOf(store: Place, run: Named): string {
  return `${jobDirectory(store.path, run.job)}/${stopRequestFile(run)}`;
}

/**
 * Requests a run to stop. Returns false if a request to it exists already.
 *
 * @throws {StoreError} if the request cannot be written; then none was made
 */
export function requestStop(machine: Host, store: Place, run: Named, request: StopRequest): boolean {
  const host = pinnedHost(machine, store);
  const path = pathOf(store, run);
  try {
    return putRequest(host, store, run, { path, request });
  } catch (error) {
    throw storeErrorOf(error, { operation: 'ask the run to end by', resource: run.job, path });
  }
}

function putRequest(host: Host, store: Place, run: Named, { path, request }: { path: string; request: StopRequest }) {
  if (host.files.look(path) !== null) return false;
  const own = `${jobDirectory(store.path, run.job)}/${PRIVATE}${host.processes.nonce()}`;
  const bytes = Buffer.from(JSON.stringify(request));
  const fd = host.files.create(own, store.fileMode);
  try {
    try {
      writeWhole(bytes, (rest) => host.files.write(fd, rest, rest.length));
    } finally {
      host.files.close(fd);
    }
    return host.files.link(own, path);
  } finally {
    removeQuietly(host, own);
  }
}

/** Returns the request to a run, or null if there is none. Every user who may write in the store may make one. */
export function stopRequestTo(host: Host, store: Place, run: Named): StopRequest | null {
  const path = pathOf(store, run);
  const found = host.files.look(path);
  if (found === null) return null;
  const text = found.kind === 'file' && found.size <= MAX_BYTES ? host.files.readText(path) : '';
  return parseRequest(text ?? '');
}

/** A damaged request still counts: its file exists, so a run wants this one to stop. */
export function parseRequest(text: string): StopRequest {
  let wire: Partial<Record<keyof StopRequest, unknown>> = {};
  try {
    wire = (JSON.parse(text) ?? {}) as typeof wire;
  } catch {
    // The requesting run stays unknown.
  }
  const { key, pid, host, at } = wire;
  return {
    key: typeof key === 'string' && /^[0-9a-z]{1,64}$/.test(key) ? key : '',
    pid: isCount(pid) ? pid : 0,
    host: typeof host === 'string' ? host.slice(0, 255) : '',
    at: isCount(at) ? at : 0,
  };
}

/** Watches for a request to a run, and reports it once. It keeps no process alive. */
export class StopRequestWatch {
  readonly #host: Host;
  readonly #store: Place;
  readonly #run: Named;
  readonly #onRequest: (request: StopRequest) => void;
  #stopWatching = (): void => undefined;
  #cancelTimer = (): void => undefined;
  #isOver = false;

  constructor(host: Host, store: Place, run: Named, onRequest: (request: StopRequest) => void) {
    this.#host = pinnedHost(host, store);
    this.#store = store;
    this.#run = run;
    this.#onRequest = onRequest;
    try {
      this.#stopWatching = host.files.watch(jobDirectory(store.path, run.job), () => this.look());
    } catch {
      // Out of inotify instances: the timer looks.
    }
    this.#goOn();
  }

  look(): void {
    if (this.#isOver) return;
    try {
      const request = stopRequestTo(this.#host, this.#store, this.#run);
      if (request === null) return;
      this.#end();
      this.#onRequest(request);
    } catch {
      // The store cannot be read just now; the next look may.
    }
  }

  /** Ends the watch when the run is over, and removes a request that came too late. */
  close(): void {
    this.#end();
    removeQuietly(this.#host, pathOf(this.#store, this.#run));
  }

  #goOn(): void {
    this.#cancelTimer = this.#host.clock.timer(LOOK_MS, false, () => {
      this.look();
      if (!this.#isOver) this.#goOn();
    });
  }

  #end(): void {
    this.#isOver = true;
    this.#stopWatching();
    this.#cancelTimer();
  }
}
