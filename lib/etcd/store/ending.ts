import type { Eviction } from '../../line/entry.ts';
import type { RequestOp } from '../client/txn-messages.ts';
import { isThere, isUnchanged } from './comparisons.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import type { Change } from './line-ledger.ts';
import { changeTo, type LineState, type StateChange } from './line-state.ts';
import { NO_ITEMS, type QueueState, settledQueue, withoutTaken } from './queue-state.ts';
import { writeState } from './state-write.ts';

/** A server takes 128 operations in a transaction; an ending needs two, and a few are needed beside. */
export const MAX_ENDED = 40;

/**
 * The change that ends entries of a line, at most `MAX_ENDED`, as they were read: they leave, or are evicted. It does
 * everything that follows from that at once: a barrier breaks, a wake-up is passed on.
 */
export function endingOf(
  keys: NameKeys,
  line: EtcdLine,
  victims: readonly LineEntry[],
  eviction: Eviction | null,
): Change {
  const { state } = line;
  const removal = victims.flatMap((victim) => removalOf(keys, victim, eviction));
  const compare = victims.map(isThere);
  if (state && line.queue) return queueWithout(keys, line, state, victims, { compare, success: removal });
  const change = state && consequenceOf(line, state, victims, eviction);
  if (!state || change === undefined) return { compare, success: removal };
  const isGiven = new Set(victims.map(({ key }) => key));
  const writes = change === null ? [] : writeState(keys, line, state, change);
  // etcd refuses a transaction that deletes a key twice.
  const others = writes.filter(({ deleteRange }) => !isGiven.has(String(deleteRange?.key)));
  return { compare: [isUnchanged(keys, line), ...compare], success: [...removal, ...others] };
}

/** Entries of a queue end: the items that they have taken are given to those that wait, or are queued. */
function queueWithout(
  keys: NameKeys,
  line: EtcdLine,
  state: LineState,
  victims: readonly LineEntry[],
  { compare, success }: Change,
): Change {
  const rest = line.entries.filter((entry) => !victims.includes(entry));
  const shared = sharedOut(keys, line, state, rest);
  return {
    compare: [isUnchanged(keys, line), ...compare, ...shared.compare],
    success: [...success, ...shared.success],
  };
}

/** Of a queue: its state as it should be while these entries are in line. Those that are given something must still be there. */
export function sharedOut(
  keys: NameKeys,
  line: EtcdLine,
  state: LineState,
  entries: readonly LineEntry[],
  from: QueueState = line.queue ?? NO_ITEMS,
): Change {
  const { queue, given } = settledQueue(from, entries);
  const success = queue === line.queue ? [] : writeState(keys, line, state, changeTo(queue));
  return { compare: given.map(isThere), success };
}

/** An entry of a queue has finished what it has taken: both end. `size`: of the item. */
export function finishing(keys: NameKeys, line: EtcdLine, state: LineState, entry: LineEntry, size: number): Change {
  const { item, key, createRevision } = entry;
  if (!line.queue || !item) return { compare: [isThere(entry)], success: [] };
  const rest = line.entries.filter((one) => one !== entry);
  const shared = sharedOut(keys, line, state, rest, withoutTaken(line.queue, createRevision, size));
  return {
    compare: [isUnchanged(keys, line), isThere(entry), ...shared.compare],
    success: [{ deleteRange: { key } }, { deleteRange: { key: keys.item(item.sequence) } }, ...shared.success],
  };
}

/** Deletes an entry's key. The reason is kept under the victim's own lease, for as long as somebody may ask for it. */
export function removalOf(keys: NameKeys, victim: LineEntry, eviction: Eviction | null): RequestOp[] {
  const removal: RequestOp = { deleteRange: { key: victim.key } };
  if (eviction === null || victim.record === null) return [removal];
  return [removal, reasonOf(keys, victim, eviction)];
}

export function reasonOf(keys: NameKeys, { place, lease }: LineEntry, { reason, by, isRelease }: Eviction): RequestOp {
  return { put: { key: keys.why(place), value: JSON.stringify({ reason, by, isRelease }), lease } };
}

/**
 * How the state changes with that; null: it only must be the same as it was read, because it says whether the victims waited;
 * undefined: it does not matter.
 */
function consequenceOf(
  line: EtcdLine,
  state: LineState,
  victims: readonly LineEntry[],
  eviction: Eviction | null,
): StateChange | null | undefined {
  const admitted = victims.filter(({ isAdmitted }) => isAdmitted).length;
  if (state.kind === 'condition') {
    if (admitted === 0) return null;
    const waiters = eviction === null ? [] : line.waiters.filter((one) => !victims.includes(one));
    return passedOn(state, waiters, admitted);
  }
  if (state.kind !== 'barrier' || admitted === victims.length) return undefined;
  return brokenBy(
    line,
    state,
    eviction === null ? 'a party gave up waiting' : `a party was taken out: ${eviction.reason}`,
  );
}

/** So many admitted entries have ended without use: the next waiters are admitted in their place, as far as there are any. */
export function passedOn(state: LineState, waiters: readonly LineEntry[], wasted: number): StateChange {
  const next = waiters.slice(0, wasted);
  const count = Math.max(0, state.count - wasted) + next.length;
  return { count, letIn: next.at(-1)?.createRevision ?? state.letIn };
}

/** A barrier is short of a party: it breaks, and all that wait are ended. */
export function brokenBy(line: EtcdLine, state: LineState, reason: string): StateChange {
  return { value: 1, ...allEnded(line, state, reason) };
}

/** All that wait at a barrier are ended at once, however many they are: their keys are deleted when there is time. */
export function allEnded(line: EtcdLine, { letIn }: LineState, reason: string): StateChange {
  const last = line.waiters.at(-1);
  const ended = last ? [{ from: letIn, to: last.createRevision, reason }] : [];
  return { count: 0, ended };
}
