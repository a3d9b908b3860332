import type { Config } from '../line/config.ts';
import type { Entry, Keeps } from '../line/entry.ts';
import type { Line } from '../line/line.ts';
import type { Owner } from '../session/facts.ts';
import type { Judge } from '../session/liveness.ts';
import type { Session } from '../session/session.ts';

/** A session that owns an entry. */
export interface OwnerView {
  /** The session's key: no other session has it. */
  session: string;
  pid: number;
  host: string;
  /** `here`: in our own pid namespace; `elsewhere`: in a container or on another machine. */
  place: 'here' | 'elsewhere';
  /** Why it is known to be gone, or null while it must be taken for alive. */
  gone: string | null;
}

/** One entry of a line: a holder, or a waiter. */
export interface EntryView {
  /** Its place in line. */
  ticket: number;
  /** Its fencing token, if it holds; else 0. */
  token: number;
  state: 'holding' | 'waiting';
  /** Permits asked for; 0 for a shared entry of a lock. */
  ask: number;
  label: string;
  /** Wall clock in ms since 1970 at which it joined. */
  since: number;
  /** This session put it there. */
  ours: boolean;
  /** The session that joined, then those that adopted the entry. */
  owners: OwnerView[];
  /** If it waits: what its owner holds meanwhile, in this store. */
  keeps: Keeps;
  /** All its owners are gone: the next waiter will evict it. */
  stale: boolean;
  /** Another program put it there, which is not Lockstep (`etcdctl lock`): it cannot be notified as an entry of ours can. */
  foreign?: boolean;
  /** In a store of leases, if it was asked for: how long the entry stays without a further sign of life, in ms. */
  expiresInMs?: number;
}

/** The line of a name at one moment: its entries in their order, and what kind of resource it is. */
export interface LineView extends Config {
  name: string;
  /** Of an event: 1 if it is set. Of a barrier: 1 if it is broken. Of a counter: the number. Of a queue: how many items are queued. Else 0. */
  value: number;
  /** Another one after every change of the line. It cannot be compared with that of another name. 0: it is not known. */
  revision: number;
  entries: EntryView[];
}

/** A line as others see it, with the present judgement of its owners. `revision`: 0 if it is not known. */
export function viewLine(line: Line, judge: Judge, viewer: Session, revision = 0): LineView {
  const entries: EntryView[] = [];
  for (let entry = line.first; entry; entry = entry.next) entries.push(viewEntry(entry, judge, viewer));
  return { name: line.name, ...line.config, value: line.value, revision, entries };
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

function viewOwner(owner: Owner, since: number, judge: Judge, { key, facts }: Session): OwnerView {
  // A session that looks is alive. A thousand waits of one process would else ask the kernel for each other again and again.
  const isViewer = owner.key === key && !owner.relieved;
  const here = owner.facts.boot === facts.boot && owner.facts.namespace === facts.namespace;
  return {
    session: owner.key,
    pid: owner.facts.pid,
    host: owner.facts.host,
    place: here ? 'here' : 'elsewhere',
    gone: isViewer ? null : judge.whyDead(owner, since),
  };
}
