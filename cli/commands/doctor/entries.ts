import type { EntryView, LineView, OwnerView } from '../../../lib/index.ts';
import {
  canHaveFile,
  commandLifeline,
  gripOf,
  type ResourceReading,
  sessionKeepalive,
  sessionLifeline,
} from '../../../lib/internal.ts';
import { keyOf } from '../../report/blockers.ts';
import { deadlockedIn } from '../../report/deadlocks.ts';
import { tokenOf } from '../../report/line-words.ts';
import { counted, lasting } from '../../text/quantities.ts';
import { inShell } from '../../text/shell-word.ts';
import { Findings } from './finding.ts';
import type { Opened } from './patient.ts';

const LONG_HOLD_MS = 24 * 3_600_000;
const LONG_WAIT_MS = 3_600_000;
/** A keepalive this old has stopped, whatever the difference of clocks. */
const STILL_MS = 5 * 60_000;
/** A ticket this far ahead of the clock is from another clock. */
const AHEAD_MS = 60_000;

/** Checks that every line moves. */
export function checkEntries(opened: Opened): Findings {
  const found = new Findings('entries');
  const lines = linesIn(opened.resources);
  const deadlocked = deadlockedIn(lines, againIn(opened));
  for (const line of lines) {
    for (const entry of line.entries) {
      if (deadlocked.has(keyOf(line.name, entry.ticket))) addDeadlock(found, line, entry);
      else if (entry.stale) addStale(found, line, entry);
      else addLiving(found, opened, line, entry);
    }
  }
  const count = lines.reduce((sum, { entries }) => sum + entries.length, 0);
  if (found.isCalm)
    found.ok(`${counted(count, 'entry', 'entries')} in ${counted(lines.length, 'line')}: every line moves`);
  return found;
}

function linesIn(resources: readonly ResourceReading[]): LineView[] {
  return resources.flatMap(({ line }) => line ?? []);
}

/** Reads the store a second time, when the first line is asked for. */
function againIn({ scan }: Opened): (name: string) => LineView | null {
  let lines: Map<string, LineView> | undefined;
  return (name) => {
    lines ??= new Map(linesIn(scan.resources().resources).map((line) => [line.name, line]));
    return lines.get(name) ?? null;
  };
}

function named({ name }: LineView, entry: EntryView): string {
  const owner = entry.owners.at(-1);
  return `${name}, token ${tokenOf(entry)}: pid ${owner?.pid} on ${owner?.host} (${entry.label})`;
}

function verbFor(entry: EntryView): string {
  return entry.state === 'holding' ? 'holds' : 'waits for';
}

function toBreak({ name }: LineView, entry: EntryView): string {
  return `lockstep break ${inShell(name)} --token ${tokenOf(entry)}`;
}

function addDeadlock(found: Findings, line: LineView, entry: EntryView): void {
  found.problem({
    what: `a deadlock: pid ${entry.owners.at(-1)?.pid} ${verbFor(entry)} ${line.name}, which can never end`,
    where: named(line, entry),
    why: 'It waits for a process that, directly or through others, waits for it.',
    remedy: `End one of the processes, or take the resource from it: ${toBreak(line, entry)}`,
  });
}

/** The same for a store on servers, where leases end the entries of those that cannot be judged from here. */
export function addLineFindings(found: Findings, lines: readonly LineView[], deadlocked: ReadonlySet<string>): void {
  for (const line of lines)
    for (const entry of line.entries) {
      if (deadlocked.has(keyOf(line.name, entry.ticket))) addDeadlock(found, line, entry);
      else if (entry.stale) addStale(found, line, entry);
      else if (entry.owners.length > 0) addLong(found, line, entry);
    }
}

function addStale(found: Findings, line: LineView, entry: EntryView): void {
  const gone = entry.owners.at(-1)?.gone ?? 'it is gone';
  found.note({
    what: `pid ${entry.owners.at(-1)?.pid} ${verbFor(entry)} ${line.name}, and ${gone}`,
    where: named(line, entry),
    why: 'It blocks no other process: the next one that asks for the resource, or waits for it, evicts it.',
    remedy: `Nothing. To be rid of it now: ${toBreak(line, entry)}`,
  });
}

function addLiving(found: Findings, opened: Opened, line: LineView, entry: EntryView): void {
  const elsewhere = entry.owners.filter(({ place, gone }) => place === 'elsewhere' && gone === null);
  const keepalives = elsewhere.map((owner) => keepaliveOf(opened, owner));
  if (keepalives.includes('none')) {
    found.warning({
      what: `pid ${entry.owners.at(-1)?.pid} on ${entry.owners.at(-1)?.host} ${verbFor(entry)} ${line.name} from another container or machine, without a lifeline or a keepalive`,
      where: named(line, entry),
      why: 'From here it cannot be checked whether it is alive, so it is never evicted.',
      remedy: `Check it there. If it is gone: ${toBreak(line, entry)}`,
    });
  } else if (keepalives.includes('stopped')) {
    found.note({
      what: `the keepalive of pid ${entry.owners.at(-1)?.pid} on ${entry.owners.at(-1)?.host}, which ${verbFor(entry)} ${line.name}, has stopped`,
      where: named(line, entry),
      why: 'A waiter evicts it after it has watched the keepalive for two minutes.',
      remedy: `Nothing. To be rid of it now: ${toBreak(line, entry)}`,
    });
  } else addLong(found, line, entry);
}

/** The proof that an owner elsewhere is alive: a lifeline that it holds, or a keepalive. */
function keepaliveOf({ host, directory }: Opened, { session: key, pid }: OwnerView): 'none' | 'stopped' | 'fresh' {
  const id = { key, facts: { pid } };
  if (!canHaveFile(id)) return 'none';
  const at = (name: string) => `${directory.path}/sessions/${name}`;
  const lifelines = [sessionLifeline(id), commandLifeline(id)];
  if (lifelines.some((name) => gripOf(host, at(name)) === 'held')) return 'fresh';
  const keepalive = host.files.look(at(sessionKeepalive(id)));
  if (keepalive === null) return 'none';
  return host.clock.wallMicros() / 1_000 - keepalive.modifiedMs > STILL_MS ? 'stopped' : 'fresh';
}

function addLong(found: Findings, line: LineView, entry: EntryView): void {
  const age = Date.now() - entry.since;
  const limit = entry.state === 'holding' ? LONG_HOLD_MS : LONG_WAIT_MS;
  if (age < limit) return;
  const words = {
    what: `pid ${entry.owners.at(-1)?.pid} has ${entry.state === 'holding' ? 'held' : 'waited for'} ${line.name} for ${lasting(age)}`,
    where: named(line, entry),
  };
  if (entry.state === 'holding') {
    found.warning({
      ...words,
      why: 'Its process is alive, but may hang.',
      remedy: `If it hangs, end it. Next time: lockstep run --timeout. As a last resort: ${toBreak(line, entry)}`,
    });
  } else {
    found.warning({
      ...words,
      why: 'A holder, or a waiter before it, makes no progress.',
      remedy: `Find it: lockstep status ${inShell(line.name)}. Next time: lockstep run --wait.`,
    });
  }
}

/** Checks for tickets from the future: a clock was wrong. */
export function checkTickets({ resources, host }: Opened): Findings {
  const found = new Findings('tickets');
  const now = host.clock.wallMicros();
  for (const { line, lastTicket, directory } of resources) {
    const ahead = (lastTicket - now) / 1_000;
    if (line === null || ahead < AHEAD_MS) continue;
    found.warning({
      what: `the last ticket of ${line.name} is ${lasting(ahead)} ahead of the clock`,
      where: directory,
      why: 'A clock was wrong, or was set back. Tokens still grow; but if the store is deleted before that time, they fall back, and fencing with them fails.',
      remedy: 'Check the clock of every machine that uses the store (timedatectl). Do not delete the store.',
    });
  }
  if (found.isCalm) found.ok('no ticket is from the future');
  return found;
}
