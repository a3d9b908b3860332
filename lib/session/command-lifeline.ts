import type { Host } from '../host/host.ts';
import type { Owner } from './facts.ts';
import type { Lifelines, PreparedLifeline } from './lifeline.ts';
import { commandLifeline, sessionFile } from './session.ts';

/** When it is checked whether a command still has the lifeline that it inherited: then ever less often, up to the second. */
const CHECK_FIRST_MS = 50;
const CHECK_LATER_MS = 5_000;

/**
 * A descriptor that proves to all namespaces of this machine that some process has it. A command that inherits it keeps
 * its entry after its wrapper was killed.
 */
export interface CommandLifeline {
  readonly fd: number;
  /** Ends it, where no process is adopted with it. Later calls are ignored. */
  discard(): void;
}

export interface CommandLifelinesOptions {
  host: Host;
  /** Null: there can be none. */
  lifelines: Lifelines | null;
}

/** The lifelines of the commands that this session made owners of its entries. */
export class CommandLifelines {
  readonly #options: CommandLifelinesOptions;
  /** The names of those that are watched, by their commands' session files. */
  readonly #watched = new Map<string, string>();

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
    return { ...prepared, discard };
  }

  /**
   * Gives one to the process that has it. We keep no hold of it, and so see whether that process has it. Returns its name.
   */
  give(owner: Owner, lifeline: CommandLifeline | null): string | null {
    const { lifelines } = this.#options;
    const name = commandLifeline(owner);
    if (!lifelines || !lifeline || !lifelines.name(lifeline as CommandLifeline & PreparedLifeline, name)) return null;
    lifelines.close(lifeline.fd);
    return name;
  }

  /** Removes it when its command, which lives, no longer has it. */
  watch(owner: Owner, name: string | null): void {
    if (name === null) return;
    this.#watched.set(sessionFile(owner), name);
    this.#check(owner, name, CHECK_FIRST_MS);
  }

  /** Ends what `watch` began. */
  retire(owner: Owner): void {
    const name = this.#watched.get(sessionFile(owner));
    if (name !== undefined) this.#options.lifelines?.remove(name);
    this.#watched.delete(sessionFile(owner));
  }

  /**
   * Some programs close all descriptors that they inherit (`sudo`). Then their lifeline is free although they live, and
   * after our death another namespace would take them for dead: so it is removed, and they count as alive.
   */
  #check(owner: Owner, name: string, afterMs: number): void {
    const { host, lifelines } = this.#options;
    host.clock.timer(afterMs, false, () => {
      if (!this.#watched.has(sessionFile(owner))) return;
      const isFree = () => lifelines?.grip(name) === 'free';
      if (isFree()) {
        if (host.processes.state(owner.facts.pid, owner.facts.tid) === 'gone') return;
        lifelines?.remove(name);
        if (!isFree()) {
          this.#watched.delete(sessionFile(owner));
          return;
        }
      }
      this.#check(owner, name, Math.min(2 * afterMs, CHECK_LATER_MS));
    });
  }
}
