import type { LineView, Standing } from '../../lib/index.ts';
import { roughly } from '../text/quantities.ts';

/** `pid 42 (./deploy.sh) on web1 for 12s`, for up to three holders, and the number of others. */
export function describeHolders(holders: readonly Standing[]): string {
  const shown = holders.slice(0, 3).map(({ pid, command, host, since }) => {
    const age = roughly(Math.max(0, Date.now() - since));
    return `pid ${pid}${command === '' ? '' : ` (${command})`} on ${host} for ${age}`;
  });
  return shown.join('; ') + (holders.length > 3 ? `; and ${holders.length - 3} more` : '');
}

/** Names those that are in the way: the holders in line, or a program without Lockstep that has the lock of `foreign`. Empty if that is not known. */
export function holdersWords(holders: readonly Standing[], foreign: string | null): string {
  if (holders.length > 0) return `held by ${describeHolders(holders)}`;
  return foreign === null ? '' : `another program has ${foreign}`;
}

/** Whether an entry of this process holds. */
export function isHeldByUs({ entries }: LineView): boolean {
  return entries.some(({ ours, state }) => ours && state === 'holding');
}
