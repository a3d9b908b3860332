import prettyMs from 'pretty-ms';
import type { SurveyedResource } from '../../../lib/observe/store-scan.ts';
import { sessionFile } from '../../../lib/session/session.ts';
import type { EntryView, LineView, OwnerView } from '../../../lib/store/store.ts';
import { keyOf } from '../../report/blockers.ts';
import { deadlockedIn } from '../../report/deadlocks.ts';
import { tokenOf } from '../../report/line-words.ts';
import { counted } from '../../text/quantities.ts';
import { inShell } from '../../text/shell-word.ts';
import { Findings } from './finding.ts';
import type { Opened } from './patient.ts';

const LONG_HOLD_MS = 24 * 3_600_000;
const LONG_WAIT_MS = 3_600_000;
/** A heart that has not beaten for so long by anybody's clock has stopped. */
const STILL_MS = 5 * 60_000;
/** A ticket that is so far ahead of the clock was given by another clock. */
const AHEAD_MS = 60_000;

/** Whether every line moves, or will. */
export function checkEntries(opened: Opened): Findings {
  const found = new Findings('entries');
  const lines = linesIn(opened.resources);
  const deadlocked = deadlockedIn(lines, againIn(opened));
  for (const line of lines) {
    for (const entry of line.entries) {
      if (deadlocked.has(keyOf(line.name, entry.ticket))) tellDeadlock(found, line, entry);
      else if (entry.stale) tellStale(found, line, entry);
      else tellLiving(found, opened, line, entry);
    }
  }
  const count = lines.reduce((sum, { entries }) => sum + entries.length, 0);
  if (found.isCalm)
    found.ok(`${counted(count, 'entry', 'entries')} in ${counted(lines.length, 'line')}: every line moves`);
  return found;
}

function linesIn(resources: readonly SurveyedResource[]): LineView[] {
  return resources.flatMap(({ line }) => line ?? []);
}

/** Reads the store once more, at the first line that is asked for. */
function againIn({ survey }: Opened): (name: string) => LineView | null {
  let lines: Map<string, LineView> | undefined;
  return (name) => {
    lines ??= new Map(linesIn(survey.resources().resources).map((line) => [line.name, line]));
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

function tellDeadlock(found: Findings, line: LineView, entry: EntryView): void {
  found.problem({
    what: `a deadlock: pid ${entry.owners.at(-1)?.pid} ${verbFor(entry)} ${line.name}, and that can never end`,
    where: named(line, entry),
    why: 'It waits for somebody who waits for it in the end.',
    remedy: `End one of the processes; or take it from it: ${toBreak(line, entry)}`,
  });
}

function tellStale(found: Findings, line: LineView, entry: EntryView): void {
  const gone = entry.owners.at(-1)?.gone ?? 'it is gone';
  found.note({
    what: `pid ${entry.owners.at(-1)?.pid} ${verbFor(entry)} ${line.name}, and ${gone}`,
    where: named(line, entry),
    why: 'It is in nobody’s way: the next one who asks for it, or waits already, evicts it.',
    remedy: `Nothing. To be rid of it now: ${toBreak(line, entry)}`,
  });
}

function tellLiving(found: Findings, opened: Opened, line: LineView, entry: EntryView): void {
  const elsewhere = entry.owners.filter(({ place, gone }) => place === 'elsewhere' && gone === null);
  const beats = elsewhere.map((owner) => heartOf(opened, owner));
  if (beats.some((beat) => beat === 'none')) {
    found.warning({
      what: `pid ${entry.owners.at(-1)?.pid} on ${entry.owners.at(-1)?.host} ${verbFor(entry)} ${line.name} from another container or machine, without a heartbeat`,
      where: named(line, entry),
      why: 'Whether it is alive cannot be seen from here, so it is never evicted.',
      remedy: `Look there. If it is gone: ${toBreak(line, entry)}`,
    });
  } else if (beats.some((beat) => beat === 'still')) {
    found.note({
      what: `the heartbeat of pid ${entry.owners.at(-1)?.pid} on ${entry.owners.at(-1)?.host}, which ${verbFor(entry)} ${line.name}, stands still`,
      where: named(line, entry),
      why: 'Whoever waits evicts it when it has watched that for 30 s (in a guarded store, for two minutes).',
      remedy: `Nothing. To be rid of it now: ${toBreak(line, entry)}`,
    });
  } else tellLong(found, line, entry);
}

function heartOf({ host, directory }: Opened, { session, pid }: OwnerView): 'none' | 'still' | 'beats' {
  const file = sessionFile({ key: session, facts: { pid } as never });
  const beat = /[/\\\0]/.test(session) ? null : host.files.look(`${directory.path}/sessions/${file}.lock`);
  if (beat === null) return 'none';
  return host.clock.wallMicros() / 1_000 - beat.modifiedMs > STILL_MS ? 'still' : 'beats';
}

function tellLong(found: Findings, line: LineView, entry: EntryView): void {
  const age = Date.now() - entry.since;
  const limit = entry.state === 'holding' ? LONG_HOLD_MS : LONG_WAIT_MS;
  if (age < limit) return;
  const words = {
    what: `pid ${entry.owners.at(-1)?.pid} has ${entry.state === 'holding' ? 'held' : 'waited for'} ${line.name} for ${prettyMs(age, { unitCount: 2 })}`,
    where: named(line, entry),
  };
  if (entry.state === 'holding') {
    found.warning({
      ...words,
      why: 'Its process is there, but may hang.',
      remedy: `If it does: end it. Next time: lockstep run --timeout. At worst: ${toBreak(line, entry)}`,
    });
  } else {
    found.warning({
      ...words,
      why: 'Whoever holds it, or stands before it, does not go on.',
      remedy: `Look who that is: lockstep status ${inShell(line.name)}. Next time: lockstep run --wait.`,
    });
  }
}

/** Whether a ticket is from the future: then a clock was wrong. */
export function checkTickets({ resources, host }: Opened): Findings {
  const found = new Findings('tickets');
  const now = host.clock.wallMicros();
  for (const { line, lastTicket, directory } of resources) {
    const ahead = (lastTicket - now) / 1_000;
    if (line === null || ahead < AHEAD_MS) continue;
    found.warning({
      what: `the last ticket of ${line.name} is ${prettyMs(ahead, { unitCount: 2 })} ahead of the clock`,
      where: directory,
      why: 'A clock was wrong, or was set back. Tokens still grow; but if the store is wiped before that time has come, they fall back, and fencing by them is void.',
      remedy: 'Check the clock of every machine that uses the store (timedatectl). Do not delete the store.',
    });
  }
  if (found.isCalm) found.ok('no ticket is from the future');
  return found;
}
