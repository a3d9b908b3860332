import type { Entry } from '../line/entry.ts';
import type { Judge } from '../session/liveness.ts';
import type { Presence } from '../session/session-file.ts';
import type { ChangedOptions } from '../store/store.ts';
import type { Clock } from '../time/clock.ts';
import { blockUntil, waitUntil } from '../time/wait.ts';
import { DeathWatch } from './death-watch.ts';
import type { DiskEntry } from './disk-entry.ts';

/** How often the first waiter looks by itself. Those behind it look more and more rarely. */
const POLL_MS = 25;
/** The same where the kernel judges at once: for each entry before it, up to `POLL_MS`. */
const POLL_EACH_MS = 12;
/** The rarest look: from far behind, or where the kernel reports the death of those in front. */
const POLL_MOST_MS = 500;
/** The same while no poke can arrive. */
const UNNOTIFIED_POLL_MS = 5;
/** How soon to look again after a report: a process closes its files shortly before it is gone. */
const HURRY_MS = 1;
/** How many entries one at the back of the line judges at a time; the first waiter judges as many as it may. */
const JUDGED_FROM_BEHIND = 8;
/** A blocked thread gets no pokes: it looks often at first, then more and more rarely. */
const BLOCKED_POLL_LEAST_MS = 0.2;
const BLOCKED_POLL_MOST_MS = 10;

/** The part of a resource that its waits use. `DiskResource` implements it. */
export interface WaitedFor {
  refreshInPlace(): void;
  expelDeadBefore(own: DiskEntry, most?: number): void;
  waitingBefore(own: DiskEntry, most: number): number;
  entriesBefore(own: DiskEntry, most: number): number;
  /** The entries one of which must end before it can move up; empty where they are too many to watch. */
  inFrontOf(own: DiskEntry): readonly Entry[];
  /** Whether the kernel alone judges the owners, at once. */
  readonly judgesAtOnce: boolean;
}

export interface EntryWaitsOptions {
  clock: Clock;
  presence: Presence;
  judge: Judge;
  resource: WaitedFor;
}

interface Wait {
  own: DiskEntry;
  /** Has the wait look at its entry. */
  hint: () => void;
}

/**
 * The waits of one session for entries of its own in one line.
 *
 * All of them share one look: a poke, a poll and the report of a death each read the journal once, however many tasks
 * wait. The entries that changed by it end their waits.
 */
export class EntryWaits {
  readonly #options: EntryWaitsOptions;
  readonly #waits = new Set<Wait>();
  readonly #deaths: DeathWatch;
  #stopListening: (() => void) | null = null;
  #cancelPoll: (() => void) | null = null;
  #pollAt = 0;
  /** The first entry of the line at the last poll: if it is the same at the next one, the line stands still. */
  #head = 0;
  /** The entry for which the kernel reports the death of every process that it waits for. */
  #reportedFor: DiskEntry | null = null;
  #stopFollowing: (() => void) | null = null;
  #hurryMs = Number.POSITIVE_INFINITY;
  /** The error of the look that is under way. */
  #failure: { error: unknown } | null = null;

  constructor(options: EntryWaitsOptions) {
    this.#options = options;
    this.#deaths = new DeathWatch(options.judge, () => this.#onDeath());
  }

  /** Resolves when the entry's state changes, or as `Store.changed`. */
  changed(own: DiskEntry, options: ChangedOptions): Promise<void> {
    const before = own.state;
    return waitUntil({
      clock: this.#options.clock,
      ...options,
      // The polls are shared.
      pollMs: () => Number.POSITIVE_INFINITY,
      look: () => {
        if (this.#failure) throw this.#failure.error;
        if (own.state === before) this.#options.resource.refreshInPlace();
        return own.state !== before;
      },
      listen: (hint) => this.#begin({ own, hint }),
    });
  }

  /** Blocks until the entry no longer waits, or the time is over. */
  block(own: DiskEntry, timeoutMs: number): void {
    const { clock, resource } = this.#options;
    let judgeAt = clock.monotonicMs() + this.#judgeEveryMs(own);
    let poll = BLOCKED_POLL_LEAST_MS;
    blockUntil({
      clock,
      timeoutMs,
      pollMs: () => {
        const ms = poll;
        poll = Math.min(poll * 1.5, BLOCKED_POLL_MOST_MS);
        return ms;
      },
      look: () => {
        resource.refreshInPlace();
        if (own.state === 'waiting' && clock.monotonicMs() >= judgeAt) {
          resource.expelDeadBefore(own);
          judgeAt = clock.monotonicMs() + this.#judgeEveryMs(own);
        }
        return own.state !== 'waiting';
      },
    });
  }

  /** Returns what ends the wait. */
  #begin(wait: Wait): () => void {
    this.#waits.add(wait);
    const stop = wait.own.listen(wait.hint);
    this.#stopListening ??= this.#options.presence.listen(() => this.#refresh());
    this.#pollWithin(this.#pollMs(wait.own));
    return () => {
      this.#waits.delete(wait);
      stop();
      if (this.#waits.size > 0) return;
      // The poll that is scheduled finds no wait, and is the last one.
      this.#stopListening?.();
      this.#stopListening = null;
    };
  }

  /** The entry of ours that is served first, of those with a wait; one that waits before those that hold. */
  get #front(): DiskEntry | undefined {
    let front: DiskEntry | undefined;
    for (const { own } of this.#waits) {
      if (!front || (own.state === 'waiting' && (front.state !== 'waiting' || own.ticket < front.ticket))) front = own;
    }
    return front;
  }

  /** An error rejects every wait. */
  #refresh(): void {
    try {
      this.#options.resource.refreshInPlace();
    } catch (error) {
      this.#failure = { error };
      for (const { hint } of [...this.#waits]) hint();
      this.#failure = null;
    }
  }

  #poll(): void {
    this.#cancelPoll = null;
    if (this.#waits.size > 0) this.#refresh();
    const { resource } = this.#options;
    const front = this.#front;
    if (!front) return;
    if (isWaiting(front)) {
      const isFirst = resource.waitingBefore(front, 1) === 0;
      resource.expelDeadBefore(front, isFirst ? undefined : JUDGED_FROM_BEHIND);
      if (isWaiting(front)) this.#reportDeaths(front);
    }
    this.#pollAgain(this.#front ?? front);
  }

  #pollAgain(own: DiskEntry): void {
    const ms = this.#pollMs(own);
    const hurryMs = this.#hurryMs;
    this.#hurryMs = hurryMs < ms ? hurryMs * 2 : Number.POSITIVE_INFINITY;
    this.#pollWithin(Math.min(ms, hurryMs));
  }

  /** Has deaths reported, if the line stood still since the last poll. In a busy one that would cost more than it saves. */
  #reportDeaths(own: DiskEntry): void {
    const { presence, resource } = this.#options;
    const entries = resource.inFrontOf(own);
    const head = entries[0]?.ticket ?? 0;
    const owners = entries.flatMap((entry) => entry.owners).filter(({ relieved }) => !relieved);
    // Our own death needs no report.
    const others = owners.filter(({ key }) => key !== presence.session.key);
    const isReported = head !== 0 && head === this.#head && this.#deaths.watchOnly(others);
    this.#head = head;
    if (!isReported) this.#endReports();
    else if (own !== this.#reportedFor) this.#beginReports(own);
  }

  /** They last as long as the entry waits, not only a single call of `changed`: a waiter calls that again and again. */
  #beginReports(own: DiskEntry): void {
    this.#stopFollowing?.();
    this.#reportedFor = own;
    this.#stopFollowing = own.listen(() => {
      if (!isWaiting(own)) this.#endReports();
    });
  }

  #endReports(): void {
    this.#stopFollowing?.();
    this.#stopFollowing = null;
    this.#reportedFor = null;
    this.#deaths.end();
  }

  #onDeath(): void {
    this.#endReports();
    this.#hurryMs = HURRY_MS;
    this.#cancelPoll?.();
    this.#poll();
  }

  /** The timer keeps no process alive; each wait has one of its own that does. */
  #pollWithin(ms: number): void {
    const { clock } = this.#options;
    const at = clock.monotonicMs() + ms;
    if (this.#cancelPoll !== null && this.#pollAt <= at) return;
    this.#cancelPoll?.();
    this.#pollAt = at;
    this.#cancelPoll = clock.timer(ms, false, () => this.#poll());
  }

  #pollMs(own: DiskEntry): number {
    const { presence, resource } = this.#options;
    if (own.state === 'holding') return POLL_MOST_MS;
    if (!presence.isNotified) return UNNOTIFIED_POLL_MS;
    if (this.#reportedFor !== null) return POLL_MOST_MS;
    const before = resource.waitingBefore(own, POLL_MOST_MS / POLL_MS);
    return before === 0 ? this.#judgeEveryMs(own) : Math.min(POLL_MS * (1 + before), POLL_MOST_MS);
  }

  /** The interval grows with the number of holders that each look judges, so that looking costs the same. */
  #judgeEveryMs(own: DiskEntry): number {
    const { resource } = this.#options;
    const judged = resource.judgesAtOnce ? resource.entriesBefore(own, POLL_MS / POLL_EACH_MS) : 0;
    return judged === 0 ? POLL_MS : Math.min(POLL_EACH_MS * judged, POLL_MS);
  }
}

/** A function, because the state changes between two looks, which the compiler would not believe. */
function isWaiting({ state }: DiskEntry): boolean {
  return state === 'waiting';
}
