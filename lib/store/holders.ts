import type { Standing } from '../errors.ts';
import type { EntryView, LineView } from './store.ts';

/** The holders in a line, as errors and messages show them. */
export function holdersIn(line: LineView | null): Standing[] {
  return (line?.entries ?? []).filter(({ state }) => state === 'holding').map(standingOf);
}

export function standingOf({ ticket, token, label, since, owners }: EntryView): Standing {
  // The last owner is the process that adopted the entry: it does the work.
  const owner = owners.at(-1);
  return { token: token || ticket, pid: owner?.pid ?? 0, host: owner?.host ?? '', command: label, since };
}
