import { readFileSync } from 'node:fs';
import type { EntryView, Store } from '../../lib/index.ts';
import { type Kept, nodeHost, shortCommand } from '../../lib/internal.ts';
import { CALLER } from '../args/options.ts';
import { UsageError } from '../output/exit.ts';
import { callingShell } from './shell.ts';

/** No system has a larger pid. The system cannot be asked about one, so it would count as alive. */
const MAX_PID = 2 ** 31 - 1;

/**
 * The process that `--pid` names; without a number, the shell that calls. There is no default: a user who gives no `--pid` may not know
 * that the lock ends with a process.
 */
export function pidOf(given: string | undefined, usage: string): number {
  if (given === undefined) throw new UsageError(`missing --pid: lockstep ${usage}`);
  if (given === CALLER) return callingShell();
  const pid = /^\d+$/.test(given) ? Number(given) : 0;
  if (pid < 1 || pid > MAX_PID)
    throw new UsageError(
      `--pid must be the number of a process, not '${given}'; in a shell script write --pid $$, or --pid alone for the shell that calls`,
    );
  if (nodeHost.processes.state(pid, pid) === 'gone') throw new UsageError(`--pid ${pid}: there is no such process`);
  return pid;
}

/** Whether a living process of this pid owns an entry. */
export function isOwnedBy(entry: EntryView, pid: number): boolean {
  return entry.owners.some((one) => one.pid === pid && one.place === 'here' && one.gone === null);
}

/** At most this many names are searched. */
const MAX_NAMES = 1_000;

/** The entries that a process holds in a store on disk. */
export function heldByProcess(store: Store, pid: number): Kept[] {
  const names = store.sync?.names().slice(0, MAX_NAMES) ?? [];
  return names.flatMap((name) => {
    const entries = store.sync?.snapshot(name)?.entries ?? [];
    const own = entries.filter((entry) => entry.state === 'holding' && isOwnedBy(entry, pid));
    return own.map(({ ticket }) => ({ name, ticket }));
  });
}

/** Another process's command line; empty where the system does not show it. */
export function commandOf(pid: number): string {
  try {
    return shortCommand(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1));
  } catch {
    return '';
  }
}
