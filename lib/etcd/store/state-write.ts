import type { RequestOp } from '../client/txn-messages.ts';
import type { EtcdLine } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import { type LineState, type StateChange, stateToJson } from './line-state.ts';

/** How many keys of ended entries one change deletes. */
const MAX_SWEPT = 40;

/**
 * Writes a changed state. It takes along the keys of a few entries that were ended together, and what is remembered of them once
 * none is left.
 */
export function writeState(keys: NameKeys, line: EtcdLine, state: LineState, change: StateChange): RequestOp[] {
  const { leftovers } = line;
  const remembered = state.ended.filter(({ from, to }) =>
    leftovers.some(({ createRevision: place }) => place > from && place <= to),
  );
  const ended = [...remembered, ...(change.ended ?? [])];
  const put = { put: { key: keys.state, value: stateToJson(state, { ...change, ended }) } };
  return [put, ...leftovers.slice(0, MAX_SWEPT).map(({ key }) => ({ deleteRange: { key } }))];
}
