import type { Host } from '../host/host.ts';
import { removeQuietly } from '../host/remove-quietly.ts';
import { writeWhole } from '../host/whole-write.ts';

/** A time, by the clocks that a later process can compare it with. */
export interface Moment {
  /** By the clock of the file server. */
  serverMs: number;
  /** The kernel that looked, with its clock's namespace, and how long it had been running. */
  kernel: string;
  uptimeMs: number;
}

/** A record that is being made. */
export interface SeenDraft {
  readonly path: string;
  readonly moment: Moment;
}

/** A sighting of a session's keepalive. */
export interface SeenKeepalive {
  /** The keepalive's own time. */
  refreshedAt: number;
  /** How long it was seen to stand still since then. */
  stillMs: number;
  /** When it was first seen so, by the server's clock. */
  sinceMs: number;
  lookedAt: Moment;
}

/**
 * How much time has certainly passed. The server's clock may jump; if the same kernel looked both times, its uptime must
 * agree.
 */
export function passedMs(from: Moment, to: Moment): number {
  const byServer = to.serverMs - from.serverMs;
  const isSame = from.kernel !== '' && from.kernel === to.kernel;
  return Math.max(0, isSame ? Math.min(byServer, to.uptimeMs - from.uptimeMs) : byServer);
}

/**
 * The record of what one process saw of a session's keepalive, for the next process: one that tries once and exits
 * never looks for long enough by itself. It is replaced whole, so of two observers the later one's remains.
 */
export class SeenFile {
  readonly #host: Host;
  readonly #path: string;
  readonly #mode: number;

  constructor(host: Host, path: string, mode: number) {
    this.#host = host;
    this.#path = path;
    this.#mode = mode;
  }

  /** Null if there is none, or it is not what this class writes: then nothing was seen. */
  read(): SeenKeepalive | null {
    try {
      const text = this.#host.files.readText(this.#path);
      return text === null ? null : seenFrom(JSON.parse(text));
    } catch {
      return null;
    }
  }

  /** Begins the next record, under a private name: no call but its making shows the server's time. Null if that fails. */
  begin(): SeenDraft | null {
    const { files, processes } = this.#host;
    const path = `${this.#path.slice(0, this.#path.lastIndexOf('/'))}/.seen.${processes.nonce()}`;
    try {
      const fd = files.create(path, this.#mode);
      try {
        return { path, moment: momentOf(this.#host, files.facts(fd).modifiedMs) };
      } finally {
        files.close(fd);
      }
    } catch {
      this.discard({ path });
      return null;
    }
  }

  /** Makes it the record. Best effort: without it the next process begins anew. */
  save(draft: SeenDraft, seen: SeenKeepalive): void {
    const { files } = this.#host;
    try {
      const bytes = Buffer.from(JSON.stringify(wireOf(seen)));
      const fd = files.openForAppend(draft.path);
      try {
        writeWhole(bytes, (rest) => files.write(fd, rest, rest.length));
      } finally {
        files.close(fd);
      }
      files.rename(draft.path, this.#path);
    } catch {
      this.discard(draft);
    }
  }

  discard({ path }: Pick<SeenDraft, 'path'>): void {
    removeQuietly(this.#host, path);
  }
}

function momentOf({ processes, clock }: Host, serverMs: number): Moment {
  const { boot, time = 0 } = processes.self();
  const bootedAt = processes.bootedAt();
  const isKnown = boot !== '' && time !== 0 && bootedAt !== null;
  return isKnown
    ? { serverMs, kernel: `${boot} ${time}`, uptimeMs: clock.wallMicros() / 1000 - bootedAt }
    : { serverMs, kernel: '', uptimeMs: 0 };
}

function wireOf({ refreshedAt, stillMs, sinceMs, lookedAt }: SeenKeepalive): unknown[] {
  return [refreshedAt, stillMs, sinceMs, lookedAt.serverMs, lookedAt.kernel, lookedAt.uptimeMs];
}

function seenFrom(wire: unknown): SeenKeepalive | null {
  if (!Array.isArray(wire)) return null;
  const [refreshedAt, stillMs, sinceMs, serverMs, kernel, uptimeMs] = wire as unknown[];
  if (typeof kernel !== 'string' || ![refreshedAt, stillMs, sinceMs, serverMs, uptimeMs].every(Number.isFinite))
    return null;
  const [still, since, server] = [stillMs, sinceMs, serverMs] as [number, number, number];
  // It is not seen to stand still for longer than it is seen.
  if (still < 0 || still > server - since) return null;
  const lookedAt = { serverMs: server, kernel, uptimeMs: uptimeMs as number };
  return { refreshedAt: refreshedAt as number, stillMs: still, sinceMs: since, lookedAt };
}
