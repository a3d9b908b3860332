import type { Host } from '../host/host.ts';
import type { Owner } from './facts.ts';
import { passedMs, SeenFile } from './seen-file.ts';
import { canHaveFile, sessionKeepalive, sessionSeen } from './session.ts';

/**
 * How many keepalives one process watches at once: as many as a line has entries. With fewer, each would be forgotten before
 * the next look at a long line. Beyond it the one that was looked at longest ago is forgotten.
 */
const MAX_WATCHED = 65_536;
const PATIENCE_MS = 120_000;
/** A gap between two looks counts for at most this part of the patience. */
const GAP_PART = 10;
/** A waiter looks many times a second. It writes down what it saw each time this part of the patience has passed. */
const SAVE_PART = 20;

export interface KeepaliveWatchOptions {
  host: Host;
  /** Where the session files are. */
  directory: string;
  /**
   * How long a keepalive must be seen to stand still before its session counts as dead. Default 120,000: clients of a network
   * file system may show times of a minute ago.
   */
  patienceMs?: number | undefined;
  /** The mode of the files in which it leaves to later processes what it saw. Default null: it neither reads nor writes any. */
  seenMode?: number | null;
}

/** This process's sightings of one keepalive, by its own clock. */
interface WatchedKeepalive {
  refreshedAt: number;
  stillMs: number;
  lookedAt: number;
  savedAt: number;
  /** By the server's clock; NaN before anything was saved. */
  sinceMs: number;
}

/**
 * Watches the keepalives of sessions on other machines. One that is seen to stand still for as long as our patience
 * lasts proves its session dead.
 *
 * Time counts only while some process looks: if this whole machine was paused, so was the keepalive. And it counts only up to
 * a moment before the look:
 *   1. we look, and the keepalive stands still;
 *   2. we are paused, and its session refreshes it;
 *   3. we go on, and read the clock.
 * So the clock is read first.
 */
export class KeepaliveWatch {
  readonly #options: Required<KeepaliveWatchOptions> & { patienceMs: number };
  readonly #watched = new Map<string, WatchedKeepalive>();

  constructor(options: KeepaliveWatchOptions) {
    const { patienceMs = PATIENCE_MS, seenMode = null } = options;
    this.#options = { ...options, patienceMs, seenMode };
  }

  /** Why the session counts as dead, or null while it must be assumed alive. */
  whyDead(owner: Owner): string | null {
    const { host, patienceMs } = this.#options;
    const now = host.clock.monotonicMs();
    const known = this.#watched.get(owner.key);
    // The last one in the map is the one that was looked at last.
    this.#watched.delete(owner.key);
    const refreshedAt = this.#refreshOf(owner);
    if (refreshedAt === null) return null;
    const seen =
      known?.refreshedAt === refreshedAt
        ? { ...known, stillMs: known.stillMs + this.#counted(now - known.lookedAt), lookedAt: now }
        : { refreshedAt, stillMs: 0, lookedAt: now, savedAt: Number.NEGATIVE_INFINITY, sinceMs: Number.NaN };
    const isDue = now - seen.savedAt >= patienceMs / SAVE_PART;
    this.#watch(owner.key, isDue ? this.#exchanged(owner, seen, known === undefined) : seen);
    return this.#whyStill(owner);
  }

  #whyStill({ key }: Owner): string | null {
    const { patienceMs } = this.#options;
    const stillMs = this.#watched.get(key)?.stillMs ?? 0;
    return stillMs < patienceMs ? null : `its keepalive stood still for ${Math.round(patienceMs / 1000)} s`;
  }

  /** Leaves what was seen to later processes. `isFirst`: goes on where an earlier one ended. */
  #exchanged(owner: Owner, seen: WatchedKeepalive, isFirst: boolean): WatchedKeepalive {
    const { host, directory, seenMode } = this.#options;
    if (seenMode === null) return seen;
    const file = new SeenFile(host, `${directory}/${sessionSeen(owner)}`, seenMode);
    const before = isFirst ? file.read() : null;
    const draft = file.begin();
    if (draft === null) return seen;
    const { serverMs } = draft.moment;
    if (this.#refreshOf(owner) !== seen.refreshedAt) {
      file.discard(draft);
      return seen;
    }
    const next = { ...seen, savedAt: seen.lookedAt };
    if (Number.isNaN(next.sinceMs)) next.sinceMs = serverMs;
    if (before?.refreshedAt === seen.refreshedAt && before.lookedAt.serverMs <= serverMs) {
      next.stillMs = before.stillMs + this.#counted(passedMs(before.lookedAt, draft.moment));
      next.sinceMs = before.sinceMs;
    }
    const stillMs = Math.max(0, Math.min(next.stillMs, serverMs - next.sinceMs));
    file.save(draft, { refreshedAt: next.refreshedAt, stillMs, sinceMs: next.sinceMs, lookedAt: draft.moment });
    return next;
  }

  #counted(gapMs: number): number {
    return Math.min(gapMs, this.#options.patienceMs / GAP_PART);
  }

  #watch(key: string, seen: WatchedKeepalive): void {
    const [oldest] = this.#watched.keys();
    if (this.#watched.size >= MAX_WATCHED && oldest !== undefined) this.#watched.delete(oldest);
    this.#watched.set(key, seen);
  }

  /** When its keepalive was last refreshed, by the file system's clock; null if it has none that we can see. */
  #refreshOf(owner: Owner): number | null {
    const { host, directory } = this.#options;
    if (!canHaveFile(owner)) return null;
    try {
      return host.files.look(`${directory}/${sessionKeepalive(owner)}`)?.modifiedMs ?? null;
    } catch {
      // A session that cannot be judged is alive.
      return null;
    }
  }
}
