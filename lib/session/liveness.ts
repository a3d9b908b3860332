import type { Host, Processes, ProcessFacts } from '../host/host.ts';
import type { Owner } from './facts.ts';
import { type Grip, gripOf } from './lifeline.ts';
import { canHaveFile, commandLifeline, sessionFile, sessionLifeline } from './session.ts';

/** How long a keepalive must be seen to stand still before its session counts as dead. */
export const PATIENCE_MS = 30_000;
/** The same on a network file system, whose clients may show times of a minute ago. */
export const GUARDED_PATIENCE_MS = 120_000;
/**
 * How many foreign keepalives one process watches at once: as many as a line has entries. With fewer, each would be
 * forgotten before the next look at a long line. Beyond it the one that was looked at longest ago is forgotten.
 */
const MAX_WATCHED = 65_536;
/** An entry is older than this kernel's boot only by more than this: both are read from clocks that are set meanwhile. */
const BOOT_MARGIN_MS = 60_000;

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
 * 1. The pid, where its facts are comparable: the kernel's own word. Alive is alive.
 * 2. The session's lifeline, which the kernel answers for in every namespace. Held is alive. A pid that is gone is
 *    dead only if the lifeline agrees, or there is none; where the pid says nothing, a lifeline that no process holds
 *    is dead, if only this kernel can have it.
 * 3. A command's lifeline, which whatever still runs of the command holds. It counts only where the pid says nothing.
 * 4. Without a lifeline: a session of an earlier boot of this machine is dead.
 * 5. On a guarded store, where others may be on other machines: a keepalive that stands still while we look.
 */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #watched = new Map<string, SeenKeepalive>();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /**
   * Why the session no longer counts, or null while it must be assumed alive. `since`: a time of the wall clock in µs at
   * which it lived.
   */
  whyDead(owner: Owner, since: number): string | null {
    if (owner.relieved) return 'it handed the entry over';
    const { host, local } = this.#options;
    const word = pidWord(host.processes, owner.facts);
    if (word === null) return null;
    const own = this.#grip(sessionLifeline(owner), owner);
    if (own === 'held') return null;
    if (word !== undefined) return word;
    if (this.#grip(commandLifeline(owner), owner) === 'held') return null;
    return (
      this.#whyLifelineFree(owner, own) ??
      whyRebooted(host.processes, owner.facts, { local, since }) ??
      this.#whyKeepaliveDead(owner)
    );
  }

  #whyLifelineFree(owner: Owner, own: Grip): string | null {
    if (!this.#isOfThisKernel(owner)) return null;
    const isFree = own === 'free' || this.#grip(commandLifeline(owner), owner) === 'free';
    return isFree ? GONE : null;
  }

  /** A FIFO is free wherever another kernel has it, too: so it proves a death only on the kernel that held it. */
  #isOfThisKernel({ facts }: Owner): boolean {
    const { host, local } = this.#options;
    return local || (facts.boot !== '' && facts.boot === host.processes.self().boot);
  }

  #grip(name: string, owner: Owner): Grip {
    const { host, directory } = this.#options;
    return canHaveFile(owner) ? gripOf(host, `${directory}/${name}`) : 'unknown';
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
    // The last one in the map is the one that was looked at last.
    this.#watched.delete(owner.key);
    if (seen?.refreshedAt !== refreshedAt) {
      this.#watch(owner.key, { refreshedAt, stillMs: 0, lookedAt: now });
      return null;
    }
    // Time counts only while we look: if this whole machine was paused, so was the keepalive.
    seen.stillMs += Math.min(now - seen.lookedAt, patienceMs / 10);
    seen.lookedAt = now;
    this.#watch(owner.key, seen);
    if (seen.stillMs < patienceMs) return null;
    return `its keepalive stood still for ${Math.round(patienceMs / 1000)} s`;
  }

  #watch(key: string, seen: SeenKeepalive): void {
    const [oldest] = this.#watched.keys();
    if (this.#watched.size >= MAX_WATCHED && oldest !== undefined) this.#watched.delete(oldest);
    this.#watched.set(key, seen);
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

/** Where and when a process was seen, for a judgement without a session's files. */
export interface Sighting {
  /** Whether only one kernel can have the store mounted in which its facts are. */
  local: boolean;
  /** A time of the wall clock in µs at which it lived. */
  since: number;
}

/**
 * What the kernel alone can prove of a process: why it is gone, or null while it is there as far as we
 * know. Undefined if this kernel, or this namespace, does not know it.
 */
export function whyGone(processes: Processes, facts: ProcessFacts, sighting: Sighting): string | null | undefined {
  const word = pidWord(processes, facts);
  return word === undefined ? (whyRebooted(processes, facts, sighting) ?? undefined) : word;
}

export const GONE = 'its process is gone';
export const ZOMBIE = 'its process has ended (a zombie that nobody reaped)';

/**
 * The kernel's word on a pid: why its process is gone, null while it is there, undefined if the pid is another namespace's
 * or kernel's. Without `/proc` the namespace is not known, and a pid means nothing.
 */
function pidWord(processes: Processes, facts: ProcessFacts): string | null | undefined {
  const self = processes.self();
  const isComparable =
    facts.boot !== '' && facts.boot === self.boot && facts.namespace !== 0 && facts.namespace === self.namespace;
  if (!isComparable) return undefined;
  const state = processes.state(facts.pid, facts.tid);
  if (state === 'gone') return GONE;
  // Hidden from us. Its lifeline may still prove that it is gone.
  if (state === 'unknown') return undefined;
  if (state.zombie) return ZOMBIE;
  if (facts.start === 0 || state.start === 0) return null;
  // Each time namespace has a start time of its own for the same process.
  const isSameClock = (facts.time ?? 0) !== 0 && facts.time === self.time;
  if (isSameClock) return state.start === facts.start ? null : 'its process is gone (the pid is reused)';
  return state.start === facts.start ? null : undefined;
}

/**
 * Another boot id alone proves nothing: a container may be shown one of its own. But no process is older than its kernel:
 * what lived before this one was booted is gone, if no other kernel can have the store.
 */
function whyRebooted(processes: Processes, facts: ProcessFacts, { local, since }: Sighting): string | null {
  const { boot } = processes.self();
  const bootedAt = processes.bootedAt();
  if (!local || facts.boot === '' || boot === '' || facts.boot === boot || bootedAt === null) return null;
  return since / 1000 < bootedAt - BOOT_MARGIN_MS ? 'its machine was rebooted' : null;
}
