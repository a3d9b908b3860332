import prettyMs from 'pretty-ms';
import type { EntryView, LineView } from '../../../lib/index.ts';
import { sayNoSuchName } from '../../access/known-name.ts';
import { type ShownStore, shownStore } from '../../access/shown-store.ts';
import { targetOf } from '../../access/target.ts';
import type { NamesArguments } from '../../args/options.ts';
import { EXIT, Exit } from '../../output/exit.ts';
import { keyOf } from '../../report/blockers.ts';
import { deadlockedInAsync } from '../../report/deadlocks.ts';
import { idleStateOf, kindOf, stateOf, tokenOf } from '../../report/line-words.ts';
import { jsonText } from '../../text/escape.ts';
import { isoTime } from '../../text/quantities.ts';
import { printTable } from '../../text/table.ts';

export interface StatusArguments extends NamesArguments {
  file?: string | undefined;
  all: boolean;
  json: boolean;
}

const HEADINGS = ['RESOURCE', 'KIND', 'STATE', 'TOKEN', 'PID', 'HOST', 'COMMAND', 'SINCE'];

export async function showStatus(args: StatusArguments): Promise<void> {
  const { store, lines, deadlocked } = await read(args);
  // The name of a file is no slip: the file is there.
  const isUnknown = ({ name, kind }: LineView) => kind === '' && (args.names ?? []).includes(name);
  const used = lines.filter((line) => !isUnknown(line));
  const unknown = lines.filter(isUnknown).map(({ name }) => name);
  const asObject = (line: LineView) => asJson(line, deadlocked);
  if (args.json) process.stdout.write(`${jsonText(lines.map(asObject), 2)}\n`);
  else if (used.length > 0) printTable([HEADINGS, ...used.flatMap((line) => rowsOf(line, deadlocked))]);
  for (const name of unknown) await sayNoSuchName(store, name);
  if (unknown.length > 0) throw new Exit(EXIT.failed);
}

interface Reading {
  store: ShownStore;
  lines: LineView[];
  /** The entries that are part of a deadlock cycle, by `keyOf`. */
  deadlocked: ReadonlySet<string>;
}

async function read({ names = [], file, dir, all }: StatusArguments): Promise<Reading> {
  const target = file === undefined ? null : targetOf({ file, dir });
  const store = target?.store ?? shownStore(dir);
  const named = target ? [target.name, ...names] : names;
  const wanted = named.length > 0 ? named : await store.names();
  const lines = await Promise.all(wanted.map(async (name) => (await store.snapshot(name)) ?? neverUsed(name)));
  return {
    store,
    lines: lines.filter((line) => named.length > 0 || all || line.entries.length > 0 || line.value !== 0),
    deadlocked: await deadlockedInAsync(lines, async (name) => store.snapshot(name)),
  };
}

function neverUsed(name: string): LineView {
  return { name, kind: '', permits: 0, value: 0, entries: [] };
}

function rowsOf(line: LineView, deadlocked: ReadonlySet<string>): string[][] {
  if (line.entries.length === 0) return [[line.name, kindOf(line), idleStateOf(line), '-', '-', '-', '-', '-']];
  return line.entries.map((entry) => {
    const owner = entry.owners.at(-1);
    return [
      line.name,
      kindOf(line),
      stateOf(entry, deadlocked.has(keyOf(line.name, entry.ticket))),
      String(tokenOf(entry)),
      String(owner?.pid ?? '-'),
      owner?.host ?? '-',
      entry.label === '' ? '-' : entry.label,
      ageOf(entry),
    ];
  });
}

function ageOf({ since }: EntryView): string {
  return `${prettyMs(Math.max(0, Date.now() - since), { unitCount: 2, secondsDecimalDigits: 0 })} ago`;
}

function asJson({ name, kind, permits, value, entries }: LineView, deadlocked: ReadonlySet<string>): unknown {
  return {
    resource: name,
    kind: kind === '' ? null : kind,
    permits: kind === '' ? null : permits,
    value: ['event', 'barrier', 'counter'].includes(kind) ? value : null,
    entries: entries.map((entry) => entryAsJson(entry, deadlocked.has(keyOf(name, entry.ticket)))),
  };
}

function entryAsJson(entry: EntryView, deadlock: boolean): unknown {
  const { state, ask, label, since, owners, stale } = entry;
  return {
    state,
    token: tokenOf(entry),
    pid: owners.at(-1)?.pid ?? null,
    host: owners.at(-1)?.host ?? null,
    command: label,
    since: isoTime(since),
    permits: ask === 0 ? 1 : ask,
    shared: ask === 0,
    stale,
    deadlock,
    owners,
  };
}
