import type { Presence } from '../session/session-file.ts';
import type { ChangedOptions } from '../store/store.ts';
import type { Clock } from '../time/clock.ts';
import { blockUntil, waitUntil } from '../time/wait.ts';
import type { DiskEntry } from './disk-entry.ts';

/** How often the first waiter looks by itself. Those behind it look more and more rarely. */
const POLL_MS = 25;
/** The same where the kernel judges at once: for each entry before it, up to `POLL_MS`. */
const POLL_EACH_MS = 12;
const POLL_MOST_MS = 500;
/** The same while no poke can arrive. */
const DEAF_POLL_MS = 5;
/** How many entries one at the back of the line judges at a time; the first waiter judges as many as it may. */
const JUDGED_FROM_BEHIND = 8;
/** A blocked thread gets no pokes: it looks often at first, then more and more rarely. */
const BLOCKED_POLL_LEAST_MS = 0.2;
const BLOCKED_POLL_MOST_MS = 10;

/** Resolves when the entry's state changes, or as `Store.changed`. */
export function entryChanged(own: DiskEntry, presence: Presence, clock: Clock, options: ChangedOptions): Promise<void> {
  const before = own.state;
  return waitUntil({
    clock,
    ...options,
    pollMs: () => pollMs(own, presence),
    look: (isPoll) => {
      if (own.state === before) own.resource.refreshInPlace();
      if (isPoll && own.state === 'waiting') judge(own);
      return own.state !== before;
    },
    listen: (hint) => {
      const stops = [own.listen(hint), presence.listen(hint)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  });
}

/** Blocks until the entry no longer waits, or the time is over. */
export function blockUntilChanged(own: DiskEntry, clock: Clock, timeoutMs: number): void {
  let judgeAt = clock.monotonicMs() + judgeEveryMs(own);
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
      own.resource.refreshInPlace();
      if (own.state === 'waiting' && clock.monotonicMs() >= judgeAt) {
        own.resource.expelDeadBefore(own);
        judgeAt = clock.monotonicMs() + judgeEveryMs(own);
      }
      return own.state !== 'waiting';
    },
  });
}

function judge(own: DiskEntry): void {
  const isFirst = own.resource.waitingBefore(own, 1) === 0;
  own.resource.expelDeadBefore(own, isFirst ? undefined : JUDGED_FROM_BEHIND);
}

function pollMs(own: DiskEntry, presence: Presence): number {
  if (own.state === 'holding') return POLL_MOST_MS;
  if (!presence.hears) return DEAF_POLL_MS;
  const before = own.resource.waitingBefore(own, POLL_MOST_MS / POLL_MS);
  return before === 0 ? judgeEveryMs(own) : Math.min(POLL_MS * (1 + before), POLL_MOST_MS);
}

/** The interval grows with the number of holders that each look judges, so that looking costs the same. */
function judgeEveryMs(own: DiskEntry): number {
  const judged = own.resource.judgesAtOnce ? own.resource.entriesBefore(own, POLL_MS / POLL_EACH_MS) : 0;
  return judged === 0 ? POLL_MS : Math.min(POLL_EACH_MS * judged, POLL_MS);
}
