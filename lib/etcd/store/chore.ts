import { isThere, isUnchanged } from './comparisons.ts';
import { brokenBy, passedOn, sharedOut } from './ending.ts';
import { recordToJson } from './entry-record.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import type { Change } from './line-ledger.ts';
import type { LineState, StateChange } from './line-state.ts';
import { writeState } from './state-write.ts';

/**
 * The change that a line needs before it is what it should be, made by any session; null: it needs none. All that read the same line
 * want the same change, and only the first of them makes it.
 *
 * - A thief was newer than those whom it overtook: the first of these gets a token that is newer still.
 * - The lease of an entry has ended, and the server has deleted it: a barrier breaks, a wake-up is passed on, an item is queued again.
 * - An item is queued, and somebody waits, whom nobody saw who put it.
 */
export function choreOf(keys: NameKeys, line: EtcdLine): Change | null {
  const { state } = line;
  if (state === null) return null;
  const overtaken = line.isGate ? undefined : line.entries.find((one) => one.isAdmitted && one.token === 0);
  if (overtaken) return claimOf(keys, line, state, overtaken);
  if (line.queue) {
    const { compare, success } = sharedOut(keys, line, state, line.entries);
    return success.length === 0 ? null : { compare: [isUnchanged(keys, line), ...compare], success };
  }
  const change = missedBy(line, state);
  return change && { compare: [isUnchanged(keys, line)], success: writeState(keys, line, state, change) };
}

/** Its token is the revision of this change: so it is newer than every place and token so far. */
function claimOf(keys: NameKeys, line: EtcdLine, state: LineState, entry: LineEntry): Change | null {
  const { key, record } = entry;
  if (record === null) return null;
  const put = { put: { key, value: recordToJson(record, 'token'), ignoreLease: true } };
  return {
    compare: [isUnchanged(keys, line), isThere(entry)],
    success: [put, ...writeState(keys, line, state, { floor: 'here' })],
  };
}

function missedBy(line: EtcdLine, state: LineState): StateChange | null {
  if (state.kind === 'condition') {
    const wasted = state.count - line.admitted.length;
    return wasted > 0 ? passedOn(state, line.waiters, wasted) : null;
  }
  if (state.kind !== 'barrier' || line.waiters.length >= state.count) return null;
  return brokenBy(line, state, 'a party was taken out: its lease has ended');
}
