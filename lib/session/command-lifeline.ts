import type { Host } from '../host/host.ts';
import type { Owner } from './facts.ts';
import type { Lifelines } from './lifeline.ts';
import { commandLifeline, sessionFile } from './session.ts';

/**
 * When it is checked whether a command still has the lifeline that it inherited: then ever less often, up to the second. The
 * wrapper of the command usually learns that it was closed, and reports it sooner.
 */
const CHECK_FIRST_MS = 50;
const CHECK_LATER_MS = 5_000;
/** A process that ends closes its descriptors a moment before it is seen to have ended. */
const ENDING_MS = 2;

/**
 * A descriptor that proves to all namespaces of this machine that some process has it. A command that inherits it keeps
 * its entry after its wrapper was killed.
 */
export interface CommandLifeline {
  readonly fd: number;
  /** Its place while it has no name. */
  readonly path: string;
  /** Ends it, where no process is adopted with it. Later calls are ignored. */
  discard(): void;
  /** To be called when the command seems to have closed it: then that is checked soon. */
  closed(): void;
}

export interface CommandLifelinesOptions {
  host: Host;
  /** Null: there can be none. */
  lifelines: Lifelines | null;
}

interface WatchedLifeline {
  owner: Owner;
  /** The lifeline's. */
  name: string;
}

/** The lifelines of the commands that this session made owners of its entries. */
export class CommandLifelines {
  readonly #options: CommandLifelinesOptions;
  /** Those that are watched, by their commands' session files. */
  readonly #watched = new Map<string, WatchedLifeline>();
  /** The watched ones, by what `prepare` returned. */
  readonly #given = new WeakMap<CommandLifeline, WatchedLifeline>();

  constructor(options: CommandLifelinesOptions) {
    this.#options = options;
  }

  /** Makes one, which the command must inherit. `adopt` takes it, whatever comes of that; otherwise it must be discarded. */
  prepare(): CommandLifeline | null {
    const { lifelines } = this.#options;
    const prepared = lifelines?.prepare();
    if (!lifelines || !prepared) return null;
    let isOver = false;
    const discard = () => {
      // Its descriptor's number may be another file's by now.
      if (!isOver) lifelines.discard(prepared);
      isOver = true;
    };
    const lifeline: CommandLifeline = {
      ...prepared,
      discard,
      closed: () => {
        const watched = this.#given.get(lifeline);
        if (watched) this.#options.host.clock.timer(ENDING_MS, false, () => void this.#check(watched));
      },
    };
    return lifeline;
  }

  /**
   * Gives one to the process that has it. We keep no hold of it, and so see whether that process has it. Returns its name.
   */
  give(owner: Owner, lifeline: CommandLifeline | null): string | null {
    const { lifelines } = this.#options;
    const name = commandLifeline(owner);
    if (!lifelines || !lifeline || !lifelines.name(lifeline, name)) return null;
    lifelines.close(lifeline.fd);
    return name;
  }

  /**
   * Gives one to a process that does not know of it; another one was started to hold it. If none does, a process of another
   * namespace would take the owner for dead: then there is none.
   */
  entrust(owner: Owner, lifeline: CommandLifeline | null): void {
    const { lifelines } = this.#options;
    const name = this.give(owner, lifeline);
    if (name !== null && lifelines?.grip(name) !== 'held') lifelines?.remove(name);
  }

  /** Removes it when its command, which lives, no longer has it. `name`: as of `give`. */
  watch(owner: Owner, lifeline: CommandLifeline | null, name: string | null): void {
    if (lifeline === null || name === null) return;
    const watched: WatchedLifeline = { owner, name };
    this.#watched.set(sessionFile(owner), watched);
    this.#given.set(lifeline, watched);
    this.#checkLater(watched, CHECK_FIRST_MS);
  }

  /** Ends what `watch` began. */
  retire(owner: Owner): void {
    const watched = this.#watched.get(sessionFile(owner));
    if (watched !== undefined) this.#options.lifelines?.remove(watched.name);
    this.#watched.delete(sessionFile(owner));
  }

  #checkLater(watched: WatchedLifeline, afterMs: number): void {
    this.#options.host.clock.timer(afterMs, false, () => {
      if (this.#check(watched)) this.#checkLater(watched, Math.min(2 * afterMs, CHECK_LATER_MS));
    });
  }

  /**
   * Some programs close all descriptors that they inherit (`sudo`). Then their lifeline is free although they live, and
   * after our death another namespace would take them for dead: so it is removed, and they count as alive. Returns whether
   * there is more to check.
   */
  #check({ owner, name }: WatchedLifeline): boolean {
    const { host, lifelines } = this.#options;
    if (!this.#watched.has(sessionFile(owner))) return false;
    const isFree = () => lifelines?.grip(name) === 'free';
    if (!isFree()) return true;
    const state = host.processes.state(owner.facts.pid, owner.facts.tid);
    if (state === 'gone' || (state !== 'unknown' && state.zombie)) return false;
    lifelines?.remove(name);
    if (isFree()) return true;
    this.#watched.delete(sessionFile(owner));
    return false;
  }
}
