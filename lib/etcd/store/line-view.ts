import type { Entry } from '../../line/entry.ts';
import { KEEPS_NOTHING } from '../../line/entry.ts';
import type { Owner } from '../../session/facts.ts';
import type { Session } from '../../session/session.ts';
import type { EntryView, LineView, OwnerView } from '../../store/store.ts';
import type { DeadEntries } from './dead-entries.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';

/** The label of a foreign entry, which has none. */
const FOREIGN = 'another program (etcdctl lock)';

export interface Viewer {
  readonly session: Session;
  readonly judge: DeadEntries;
  readonly base: number;
}

/** A line as others see it, with the present judgement of its owners; null if the name is not in use. */
export function viewLine(name: string, line: EtcdLine, viewer: Viewer): LineView | null {
  const { state } = line;
  if (state === null) return null;
  const entries = line.entries.map((entry) => viewEntry(entry, viewer));
  return { name, kind: state.kind, permits: state.permits, value: line.value, revision: line.news, entries };
}

function viewEntry(entry: LineEntry, viewer: Viewer): EntryView {
  const { record, place, token, ask } = entry;
  const { base, session } = viewer;
  const owners = record?.owners.map((owner) => viewOwner(owner, record.at, viewer)) ?? [];
  return {
    ticket: base + place,
    token: token > 0 ? base + token : 0,
    state: token > 0 ? 'holding' : 'waiting',
    ask,
    label: record?.label ?? FOREIGN,
    since: Math.floor((record?.at ?? 0) / 1000),
    ours: record?.owners[0]?.key === session.key,
    owners,
    keeps: keepsOf(record),
    stale: owners.length > 0 && owners.every(({ gone }) => gone !== null),
    ...(record === null ? { foreign: true } : {}),
  };
}

function keepsOf(record: Pick<Entry, 'keeps'> | null): Entry['keeps'] {
  return record?.keeps ?? KEEPS_NOTHING;
}

function viewOwner(owner: Owner, since: number, { session: { key, facts }, judge }: Viewer): OwnerView {
  const here = owner.facts.boot === facts.boot && owner.facts.namespace === facts.namespace;
  return {
    session: owner.key,
    pid: owner.facts.pid,
    host: owner.facts.host,
    place: here ? 'here' : 'elsewhere',
    gone: owner.key === key && !owner.relieved ? null : judge.whyDead(owner, since),
  };
}
