import type { Host, Processes, ProcessFacts } from '../host/host.ts';
import type { Owner } from './facts.ts';
import { canHaveFile, sessionFile } from './session.ts';

/** How long a keepalive must be seen to stand still before its session counts as dead. */
export const PATIENCE_MS = 30_000;
/** The same on a network file system, whose clients may show times of a minute ago. */
export const GUARDED_PATIENCE_MS = 120_000;
/** How many foreign keepalives one process watches at once. Sessions beyond it count as alive. */
const MAX_WATCHED = 1_024;

/** What we have seen of one session's keepalive. */
interface SeenKeepalive {
  refreshedAt: number;
  /** How long we have seen it stand still since then. */
  stillMs: number;
  lookedAt: number;
}

export interface JudgeOptions {
  host: Host;
  /** Where the session files are. */
  directory: string;
  /** Whether only one kernel can have this store mounted. */
  local: boolean;
  patienceMs: number;
}

/**
 * Decides whether a session is gone for good. It fails closed: what cannot be judged is alive.
 *
 * - Same boot, same pid namespace: the kernel knows. Gone, another start time, or a zombie: dead, at once.
 * - Same host name, another boot id, on a local file system: the machine was rebooted: dead.
 * - Anything else (a container, another machine): only its keepalive shows it, and only by standing still
 *   while we look, by our own clock. No keepalive at all proves nothing: alive.
 */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #watched = new Map<string, SeenKeepalive>();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** Why the session no longer counts, or null while it must be assumed alive. */
  whyDead(owner: Owner): string | null {
    if (owner.relieved) return 'it handed the entry over';
    const { host, local } = this.#options;
    const why = whyGone(host.processes, owner.facts, local);
    return why === undefined ? this.#whyKeepaliveDead(owner) : why;
  }

  #whyKeepaliveDead(owner: Owner): string | null {
    const { host, patienceMs } = this.#options;
    const refreshedAt = this.#refreshOf(owner);
    if (refreshedAt === null) {
      this.#watched.delete(owner.key);
      return null;
    }
    const now = host.clock.monotonicMs();
    const seen = this.#watched.get(owner.key);
    if (seen?.refreshedAt !== refreshedAt) {
      if (this.#watched.size < MAX_WATCHED || seen)
        this.#watched.set(owner.key, { refreshedAt, stillMs: 0, lookedAt: now });
      return null;
    }
    // Time counts only while we look: if this whole machine was paused, so was the keepalive.
    seen.stillMs += Math.min(now - seen.lookedAt, patienceMs / 10);
    seen.lookedAt = now;
    if (seen.stillMs < patienceMs) return null;
    return `its keepalive stood still for ${Math.round(patienceMs / 1000)} s`;
  }

  /** When its keepalive was last refreshed, by the file system's clock; null if it has none that we can see. */
  #refreshOf(owner: Owner): number | null {
    const { host, directory } = this.#options;
    if (!canHaveFile(owner)) return null;
    try {
      return host.files.look(`${directory}/${sessionFile(owner)}.lock`)?.modifiedMs ?? null;
    } catch {
      // What cannot be judged is alive.
      return null;
    }
  }
}

/**
 * What the kernel alone can prove of a process: why it is gone, or null while it is there as far as we
 * know. Undefined if this kernel, or this namespace, does not know it: then at most a keepalive can show it.
 *
 * `local`: only one kernel can have the store mounted in which we found its facts.
 */
export function whyGone(processes: Processes, facts: ProcessFacts, local: boolean): string | null | undefined {
  const self = processes.self();
  if (isNeighbour(facts, self)) return whyProcessGone(processes, facts);
  return local && wasRebooted(facts, self) ? 'its machine was rebooted' : undefined;
}

export const GONE = 'its process is gone';
export const ZOMBIE = 'its process has ended (a zombie that nobody reaped)';

function whyProcessGone(processes: Processes, { pid, tid, start }: ProcessFacts): string | null {
  const state = processes.state(pid, tid);
  if (state === 'gone') return GONE;
  if (state === 'unknown') return null;
  if (state.zombie) return ZOMBIE;
  if (start !== 0 && state.start !== 0 && state.start !== start) return 'its process is gone (the pid is reused)';
  return null;
}

/**
 * Another boot id alone proves nothing: a container may be shown one of its own. Nor does a host name
 * alone. Both, and a file system that no second kernel can have mounted, do.
 */
function wasRebooted(facts: ProcessFacts, self: ProcessFacts): boolean {
  return facts.boot !== '' && self.boot !== '' && facts.host === self.host && facts.boot !== self.boot;
}

function isNeighbour(facts: ProcessFacts, self: ProcessFacts): boolean {
  return (
    facts.boot === self.boot && facts.namespace === self.namespace && (facts.boot !== '' || facts.host === self.host)
  );
}
