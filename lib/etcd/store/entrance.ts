import type { Config } from '../../line/config.ts';
import type { Session } from '../../session/session.ts';
import type { Request } from '../../store/store.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';
import type { Compare, RequestOp } from '../client/txn-messages.ts';
import { isAbsent, isQuiet, isSameName, isThere, isUnchanged } from './comparisons.ts';
import { reasonOf, removalOf } from './ending.ts';
import { type EntryRecord, newRecord, recordToJson } from './entry-record.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import { type Change, timeOp } from './line-ledger.ts';
import { changeTo, initialState, type LineState, type StateChange, stateToJson } from './line-state.ts';
import { NEWCOMER, NO_ITEMS, takenFrom } from './queue-state.ts';
import { writeState } from './state-write.ts';

/** One request for an entry, under one lease. */
export interface Newcomer {
  readonly keys: NameKeys;
  readonly key: string;
  readonly lease: LeaseKeeper;
  readonly record: EntryRecord;
}

/** `key`: one that is free, as far as is known. */
export function newcomerOf(
  at: Pick<Newcomer, 'keys' | 'key' | 'lease'>,
  session: Session,
  { ask, label }: Pick<Request, 'ask' | 'label'>,
  micros: number,
): Newcomer {
  const owners = [{ key: session.key, facts: session.facts, relieved: false }];
  return { ...at, record: newRecord({ id: session.nextId(), owners, ask, at: micros, label }) };
}

/** Puts the entry, unless its key is taken, or the request was voided meanwhile. */
function joining(newcomer: Newcomer, compare: readonly Compare[], more: readonly RequestOp[] = []): Change {
  const { keys, key, lease, record } = newcomer;
  const put = { key, value: recordToJson(record), lease: lease.id };
  // etcd refuses a transaction that names a key twice. If the key is taken, nothing of this is done.
  const others = more.filter(({ deleteRange }) => deleteRange?.key !== key);
  return { compare: [...compare, isAbsent(key), isAbsent(keys.void(record.id))], success: [...others, { put }] };
}

/** Joins the line of a name whose kind is known, at its end. */
export function entering(newcomer: Newcomer, line: EtcdLine): Change {
  return joining(newcomer, [isSameName(newcomer.keys, line)]);
}

/** Joins if it holds where it stands: nobody has come since the line was read. */
export function trying(newcomer: Newcomer, line: EtcdLine): Change {
  const { keys } = newcomer;
  return joining(newcomer, [isUnchanged(keys, line), isQuiet(keys, line.readAt)]);
}

/**
 * Joins a line of which nothing is known, if its name is what nearly all are: one of this kind that nobody has stolen or given a
 * value. `isTry`: and if nobody is in it.
 */
export function enteringBlindly(newcomer: Newcomer, initial: string, isTry: boolean): Change {
  const { keys } = newcomer;
  const isInitial: Compare = { key: keys.state, result: 'equal', target: 'value', value: initial };
  return joining(newcomer, isTry ? [isInitial, isQuiet(keys, 0)] : [isInitial]);
}

/** Joins a name that nobody uses, and makes it. */
export function founding(newcomer: Newcomer, initial: string, isTry: boolean): Change {
  const { keys } = newcomer;
  const compare = isTry ? [isAbsent(keys.state), isQuiet(keys, 0)] : [isAbsent(keys.state)];
  return joining(newcomer, compare, [{ put: { key: keys.state, value: initial } }, timeOp(keys, newcomer.record.at)]);
}

/** The state of a new name, as its key's value. */
export function initialJson(name: string, keys: NameKeys, config: Config): string {
  return stateToJson(initialState(name, config, keys.hasName));
}

/**
 * Joins a barrier: as the last one that is missing it admits all, itself too. `stale`: those who wait are all dead, of an
 * earlier run, and are no parties.
 */
export function arriving(newcomer: Newcomer, line: EtcdLine, state: LineState, stale: boolean): Change {
  const { keys } = newcomer;
  const count = stale ? 1 : line.waiters.length + 1;
  const last = line.waiters.at(-1);
  const ended = stale && last ? [{ from: state.letIn, to: last.createRevision, reason: 'left over' }] : [];
  const change: StateChange = count === state.permits ? { count: 0, letIn: 'here', ended } : { count, ended };
  return joining(newcomer, [isUnchanged(keys, line)], writeState(keys, line, state, change));
}

/** Joins a queue, and takes what is its first item: nobody has taken it since, and nobody who waits has come. Reads its text, too. */
export function taking(newcomer: Newcomer, line: EtcdLine, state: LineState): Change {
  const { keys } = newcomer;
  const { queue, item } = takenFrom(line.queue ?? NO_ITEMS, NEWCOMER);
  return joining(
    newcomer,
    [isUnchanged(keys, line), isQuiet(keys, line.readAt)],
    [{ range: { key: keys.item(item.sequence) } }, ...writeState(keys, line, state, changeTo(queue))],
  );
}

/**
 * Takes the key of the first holder, and with it its place in line; the other holders are ended. Its own number is newer than
 * all others: it is written as the floor for the tokens of those that it overtakes.
 */
export function stealing(newcomer: Newcomer, line: EtcdLine, state: LineState, by: string): Change {
  const { keys, lease, record } = newcomer;
  const [front, ...others] = line.admitted as [LineEntry, ...LineEntry[]];
  const eviction = { reason: 'stolen', by };
  const put = { key: front.key, value: recordToJson(record, 'place'), lease: lease.id };
  return {
    compare: [
      isUnchanged(keys, line),
      isQuiet(keys, line.readAt),
      ...[front, ...others].map(isThere),
      isAbsent(keys.void(record.id)),
    ],
    success: [
      { put },
      ...(front.record === null ? [] : [reasonOf(keys, front, eviction)]),
      ...others.flatMap((other) => removalOf(keys, other, eviction)),
      ...writeState(keys, line, state, { floor: 'here' }),
    ],
  };
}
