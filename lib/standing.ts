import type { Standing } from './errors.ts';
import type { LineView } from './store.ts';

/** The holders in a line, as errors and messages show them. */
export function holdersIn(line: LineView | null): Standing[] {
  const holding = (line?.entries ?? []).filter(({ state }) => state === 'holding');
  return holding.map(({ ticket, label, since, owners }) => {
    // The last owner is whoever adopted the entry: the one that does the work.
    const owner = owners.at(-1);
    return { token: ticket, pid: owner?.pid ?? 0, host: owner?.host ?? '', command: label, since };
  });
}
