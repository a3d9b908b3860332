import { isWell, type Monitor, openMonitor, type ReporterStatus } from '../../../lib/heartbeat/index.ts';
import { parseDuration } from '../../args/duration.ts';
import type { NamesArguments } from '../../args/options.ts';
import { EXIT, Exit, say, sayNothing } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { endWithReader } from '../../output/stdout.ts';
import { jsonText } from '../../text/escape.ts';
import { age, localTime } from '../../text/quantities.ts';
import { printTable } from '../../text/table.ts';
import { asJson, type Change, lineOf, Printed } from './changes.ts';
import { Reaction } from './exec.ts';

export interface MonitorArguments extends NamesArguments {
  maxAge?: string | undefined;
  once: boolean;
  json: boolean;
  exec?: string | undefined;
}

const NOBODY = 'no program reports here yet; `lockstep beat NAME -- CMD` runs one that does';
const HEADINGS = ['NAME', 'STATE', 'SINCE', 'AGE', 'PID', 'HOST', 'COMMAND', 'REASON'];

export async function watchReports(args: MonitorArguments): Promise<void> {
  const maxAgeMs = args.maxAge === undefined ? undefined : parseDuration(args.maxAge, '--max-age');
  const monitor = openMonitor({ store: args.dir, names: args.names ?? [], maxAgeMs });
  const reaction = args.exec === undefined ? null : new Reaction(args.exec);
  return args.once ? showOnce(monitor, reaction, args) : watch(monitor, reaction, args);
}

async function showOnce(monitor: Monitor, reaction: Reaction | null, { json }: MonitorArguments): Promise<void> {
  await monitor.fetch();
  const reporters = monitor.look();
  if (json) process.stdout.write(`${jsonText(reporters.map(asJson), 2)}\n`);
  else if (reporters.length > 0) printTable([HEADINGS, ...reporters.map(rowOf)]);
  else sayNothing(NOBODY);
  const unwell = reporters.filter(({ state }) => !isWell(state));
  for (const now of unwell) reaction?.to({ now, was: 'unknown' });
  await reaction?.done();
  if (unwell.length > 0) throw new Exit(EXIT.failed);
}

/** Brings reports up to date. While no server answers, those of other machines age, so they become late: that is said once. */
function fetching(monitor: Monitor): () => Promise<void> {
  let isAway = false;
  return async () => {
    try {
      await monitor.fetch();
      isAway = false;
    } catch (error) {
      if (!isAway) say(`${messageWithRemedy(error)} Until then reporters on other machines seem to be silent.`);
      isAway = true;
    }
  };
}

/** Prints changes until a signal ends this process, or the reader of its output is gone. */
async function watch(monitor: Monitor, reaction: Reaction | null, { json }: MonitorArguments): Promise<never> {
  endWithReader();
  const printed = new Printed();
  const fetch = fetching(monitor);
  for (let isFirst = true; ; isFirst = false) {
    await fetch();
    if (isFirst && monitor.look().length === 0 && !json) sayNothing(NOBODY);
    for (const change of printed.changes(monitor.look())) {
      process.stdout.write(`${json ? jsonLine(change) : lineOf(change)}\n`);
      if (!isFirst || !isWell(change.now.state)) reaction?.to(change);
    }
    await new Promise((resolve) => setTimeout(resolve, monitor.pollMs));
  }
}

function jsonLine({ now, was }: Change): string {
  return jsonText({ time: new Date().toISOString(), ...asJson(now), was });
}

function rowOf({ name, state, since, reason, ageMs, report }: ReporterStatus): string[] {
  return [
    name,
    state,
    since === null ? '' : localTime(since, 'seconds'),
    ageMs === null ? '' : age(ageMs),
    String(report?.facts.pid ?? ''),
    report?.facts.host ?? '',
    report?.label ?? '',
    reason,
  ].map((cell) => (cell === '' ? '-' : cell));
}
