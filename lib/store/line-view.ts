import type { Entry } from '../line/entry.ts';
import type { Line } from '../line/line.ts';
import type { Owner } from '../session/facts.ts';
import type { Judge } from '../session/liveness.ts';
import type { Session } from '../session/session.ts';
import type { EntryView, LineView, OwnerView } from './store.ts';

/** A line as others see it, with the present judgement of its owners. */
export function viewLine(line: Line, judge: Judge, viewer: Session): LineView {
  const entries: EntryView[] = [];
  for (let entry = line.first; entry; entry = entry.next) entries.push(viewEntry(entry, judge, viewer));
  return { name: line.name, ...line.config, value: line.value, entries };
}

function viewEntry(entry: Entry, judge: Judge, viewer: Session): EntryView {
  const owners = entry.owners.map((owner) => viewOwner(owner, entry.at, judge, viewer));
  return {
    ticket: entry.ticket,
    token: entry.token,
    state: entry.holding ? 'holding' : 'waiting',
    ask: entry.ask,
    label: entry.label,
    since: Math.floor(entry.at / 1000),
    ours: entry.owners[0]?.key === viewer.key,
    owners,
    keeps: entry.keeps,
    stale: owners.every(({ gone }) => gone !== null),
  };
}

function viewOwner(owner: Owner, since: number, judge: Judge, { facts }: Session): OwnerView {
  const here = owner.facts.boot === facts.boot && owner.facts.namespace === facts.namespace;
  return {
    session: owner.key,
    pid: owner.facts.pid,
    host: owner.facts.host,
    place: here ? 'here' : 'elsewhere',
    gone: judge.whyDead(owner, since),
  };
}
