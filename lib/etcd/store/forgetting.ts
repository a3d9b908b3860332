import { isQuiet, isUnchanged, isUnused } from './comparisons.ts';
import { MAX_ENDED } from './ending.ts';
import type { EtcdLine } from './etcd-line.ts';
import { type EtcdResource, MAX_ROUNDS } from './etcd-resource.ts';
import { tooBusy } from './store-failure.ts';

/** Forgets a name, unless somebody is in line, or it owes something to somebody. `idleMs`: as of `ForgetOptions`. */
export async function forgetName(
  resource: EtcdResource,
  idleMs?: number,
): Promise<{ isForgotten: boolean; line: EtcdLine }> {
  const { judge, keys, ledger, name, parts } = resource;
  const isIdle = (line: EtcdLine) =>
    idleMs === undefined || (isPlain(line) && resource.now() - line.usedAt >= idleMs * 1_000);
  let { line } = await resource.expel((found) => judge.among(found.entries));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (line.state === null || line.entries.length > 0 || isOwing(line) || !isIdle(line))
      return { isForgotten: false, line };
    const leftovers = line.leftovers.slice(0, MAX_ENDED).map(({ key }) => ({ deleteRange: { key } }));
    const isLast = line.leftovers.length === leftovers.length;
    const gone = isLast ? [{ key: keys.state }, { key: keys.at }] : [];
    const takes = isLast && line.state.takes ? [keys.count] : [];
    const items = isLast && line.state.queue ? [keys.items] : [];
    const success = [...leftovers, ...[...gone, ...takes, ...items].map((range) => ({ deleteRange: range }))];
    const compare = [isUnchanged(keys, line), isUnused(keys, line), isQuiet(keys, line.readAt)];
    const changed = await ledger.change({ compare, success });
    if (changed.isDone && isLast) return { isForgotten: true, line: changed.line };
    line = changed.line;
  }
  throw tooBusy(name, parts.place);
}

/** Whether it has what was confirmed to somebody: takes that are logged, or items that are not finished. */
function isOwing({ state, queue, value }: EtcdLine): boolean {
  return (state?.takes?.logged ?? 0) > 0 || (queue !== null && value > 0);
}

/** Whether it has no value, and remembers nothing of takes or puts. */
function isPlain({ state, value }: EtcdLine): boolean {
  return value === 0 && !state?.takes && (state?.queue?.ids ?? 0) === 0;
}
