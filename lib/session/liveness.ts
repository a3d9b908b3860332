import type { Processes, ProcessFacts } from '../host/host.ts';
import type { Owner } from './facts.ts';
import { KeepaliveWatch, type KeepaliveWatchOptions } from './keepalive-watch.ts';
import { type Grip, gripOf } from './lifeline.ts';
import { canHaveFile, commandLifeline, sessionLifeline } from './session.ts';

/** An entry is older than this kernel's boot only by more than this: both are read from clocks that are set meanwhile. */
const BOOT_MARGIN_MS = 60_000;

export interface JudgeOptions extends KeepaliveWatchOptions {
  /** Whether only one kernel can have this store mounted. */
  local: boolean;
}

/**
 * Decides whether a session is gone for good. It fails closed: a session that cannot be judged is alive.
 *
 * 1. The pid, where its facts are comparable: the kernel's own word. Alive is alive.
 * 2. The session's lifeline, which the kernel answers for in every namespace. Held is alive. A pid that is gone is
 *    dead only if the lifeline agrees, or there is none; where the pid says nothing, a lifeline that no process holds
 *    is dead, if only this kernel can have it.
 * 3. A command's lifeline, which the command and its descendants hold. It counts only where the pid says nothing.
 * 4. Without a lifeline: a session of an earlier boot of this machine is dead.
 * 5. On a guarded store, whose sessions may be on other machines: a keepalive that stands still while waiters look.
 */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #keepalives: KeepaliveWatch;

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#keepalives = new KeepaliveWatch(options);
  }

  /** Whether the kernel alone judges. Otherwise a keepalive is seen to stand still only while waiters look at it. */
  get judgesAtOnce(): boolean {
    return this.#options.local && this.#options.seenMode === null;
  }

  /**
   * Why the session no longer counts, or null while it must be assumed alive. `since`: a time of the wall clock in µs at
   * which it lived.
   */
  whyDead(owner: Owner, since: number): string | null {
    if (owner.relieved) return 'it handed the entry over';
    const { host, local } = this.#options;
    // First, because it takes the fewest system calls, and answers for nearly all living sessions.
    const own = this.#grip(sessionLifeline(owner), owner);
    if (own === 'held') return null;
    const word = pidWord(host.processes, owner.facts);
    if (word !== undefined) return word;
    if (this.#grip(commandLifeline(owner), owner) === 'held') return null;
    return (
      this.#whyLifelineFree(owner, own) ??
      whyRebooted(host.processes, owner.facts, { local, since }) ??
      this.#keepalives.whyDead(owner)
    );
  }

  /**
   * Calls back once when an owner may have died, until the returned function is called. Null if nothing reports it: then
   * it must be judged from time to time.
   */
  watch(owner: Owner, onChange: () => void): (() => void) | null {
    if (!this.judgesAtOnce || !canHaveFile(owner)) return null;
    const { host, directory } = this.#options;
    try {
      for (const name of [sessionLifeline(owner), commandLifeline(owner)]) {
        const stop = host.files.watchReader(`${directory}/${name}`, onChange);
        if (stop) return stop;
      }
    } catch {
      // As where the kernel does not report.
    }
    return null;
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
}

/** The facts about a process whose session's files are not known. */
export interface Circumstances {
  /** Whether only one kernel can have the store mounted in which its facts are. */
  local: boolean;
  /** A time of the wall clock in µs at which it lived. */
  since: number;
}

/**
 * The kernel's own proof that a process is gone: why it is gone, or null while it is there as far as we
 * know. Undefined if this kernel, or this namespace, does not know it.
 */
export function whyGone(
  processes: Processes,
  facts: ProcessFacts,
  circumstances: Circumstances,
): string | null | undefined {
  const word = pidWord(processes, facts);
  return word === undefined ? (whyRebooted(processes, facts, circumstances) ?? undefined) : word;
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
function whyRebooted(processes: Processes, facts: ProcessFacts, { local, since }: Circumstances): string | null {
  const { boot } = processes.self();
  const bootedAt = processes.bootedAt();
  if (!local || facts.boot === '' || boot === '' || facts.boot === boot || bootedAt === null) return null;
  return since / 1000 < bootedAt - BOOT_MARGIN_MS ? 'its machine was rebooted' : null;
}
