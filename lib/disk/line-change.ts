import type { Host } from '../host/host.ts';
import type { ChangedOptions } from '../store/store.ts';
import { waitUntil } from '../time/wait.ts';

/** How often a caller without an entry looks at a line by itself. */
const LINE_POLL_MS = 100;

/** The line that is waited for. */
export interface ChangingLine {
  host: Host;
  /** Where its journals are. */
  directory: string;
  /** As of its view; 0 if there is none. */
  revision: () => number;
}

/** A caller without an entry watches the journal itself: the first change ends the wait, or one poll. */
export function lineChanged(
  { host, directory, revision }: ChangingLine,
  { timeoutMs, after, ...options }: ChangedOptions,
): Promise<void> {
  let hasChanged = false;
  let isCompared = after === undefined || after === 0;
  const look = () => {
    // Once, when the listening has begun: a change since the caller's look gives no hint any more.
    if (!isCompared) hasChanged ||= revision() !== after;
    isCompared = true;
    return hasChanged;
  };
  return waitUntil({
    clock: host.clock,
    timeoutMs: Math.min(LINE_POLL_MS, timeoutMs),
    ...options,
    pollMs: () => LINE_POLL_MS,
    look,
    listen: (hint) => {
      try {
        return host.files.watch(directory, () => {
          hasChanged = true;
          hint();
        });
      } catch {
        // Not there yet, or out of inotify instances: the poll looks again.
        return () => undefined;
      }
    },
  });
}
