import { isWell, Monitor, type Watched } from '../../lib/monitor.ts';
import { nodeHost } from '../../lib/node-host.ts';
import { directoryOf } from '../../lib/open-store.ts';
import { age, asJson, type Change, lineOf, Told } from '../change.ts';
import type { MonitorArguments } from '../commands/monitor.ts';
import { parseDuration } from '../duration.ts';
import { EXIT, Exit } from '../failure.ts';
import { Reaction } from '../reaction.ts';
import { endWithReader } from '../reader.ts';
import { jsonText } from '../shown.ts';
import { mortalAsInit } from '../signals.ts';
import { printTable } from '../table.ts';

const HEADINGS = ['NAME', 'STATE', 'SINCE', 'AGE', 'PID', 'HOST', 'COMMAND', 'REASON'];

export async function watchReports(args: MonitorArguments): Promise<void> {
  const maxAgeMs = args.maxAge === undefined ? undefined : parseDuration(args.maxAge, '--max-age');
  const monitor = new Monitor({ host: nodeHost, directory: directoryOf(args.dir), names: args.names ?? [], maxAgeMs });
  const reaction = args.exec === undefined ? null : new Reaction(args.exec);
  return args.once ? showOnce(monitor, reaction, args) : watch(monitor, reaction, args);
}

async function showOnce(monitor: Monitor, reaction: Reaction | null, { json }: MonitorArguments): Promise<void> {
  const watched = monitor.look();
  if (json) process.stdout.write(`${jsonText(watched.map(asJson), 2)}\n`);
  else if (watched.length > 0) printTable([HEADINGS, ...watched.map(rowOf)]);
  const unwell = watched.filter(({ state }) => !isWell(state));
  for (const now of unwell) reaction?.to({ now, was: 'unknown' });
  await reaction?.done();
  if (unwell.length > 0) throw new Exit(EXIT.failed);
}

/** Until a signal ends it, or nobody reads on. */
async function watch(monitor: Monitor, reaction: Reaction | null, { json }: MonitorArguments): Promise<never> {
  mortalAsInit();
  endWithReader();
  const told = new Told();
  for (let isFirst = true; ; isFirst = false) {
    for (const change of told.changes(monitor.look())) {
      process.stdout.write(`${json ? jsonLine(change) : lineOf(change)}\n`);
      if (!isFirst || !isWell(change.now.state)) reaction?.to(change);
    }
    await new Promise((resolve) => setTimeout(resolve, monitor.pollMs));
  }
}

function jsonLine({ now, was }: Change): string {
  return jsonText({ time: new Date().toISOString(), ...asJson(now), was });
}

function rowOf({ name, state, since, reason, ageMs, report }: Watched): string[] {
  return [
    name,
    state,
    since === null ? '' : new Date(since).toISOString(),
    ageMs === null ? '' : age(ageMs),
    String(report?.facts.pid ?? ''),
    report?.facts.host ?? '',
    report?.label ?? '',
    reason,
  ].map((cell) => (cell === '' ? '-' : cell));
}
