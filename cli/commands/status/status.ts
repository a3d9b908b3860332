import type { EntryView, LineView } from '../../../lib/index.ts';
import { sayNoSuchName } from '../../access/known-name.ts';
import { type ShownStore, shownStore } from '../../access/shown-store.ts';
import { targetOf } from '../../access/target.ts';
import type { NamesArguments } from '../../args/options.ts';
import { EXIT, Exit, sayNothing } from '../../output/exit.ts';
import { keyOf } from '../../report/blockers.ts';
import { deadlockedInAsync } from '../../report/deadlocks.ts';
import { idleStateOf, kindOf, stateOf, tokenOf } from '../../report/line-words.ts';
import { jsonText } from '../../text/escape.ts';
import { ago, isoTime, roughly } from '../../text/quantities.ts';
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
  else if (used.length > 0) printTable(tableOf(used, deadlocked, store.withExpiry !== undefined));
  else if (unknown.length === 0) sayNothing(emptyWords(store, args));
  for (const name of unknown) await sayNoSuchName(store, name);
  if (unknown.length > 0) throw new Exit(EXIT.failed);
}

function emptyWords({ place }: ShownStore, { all }: StatusArguments): string {
  return all
    ? `no resource was ever used in the store ${place}`
    : `nobody holds anything or waits in the store ${place}; --all shows what is free, too`;
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
  const isShown = (line: LineView) => named.length > 0 || all || line.entries.length > 0 || line.value !== 0;
  const read = await linesOf(store, wanted, isShown);
  const lines = (await store.withExpiry?.(read)) ?? read;
  return { store, lines, deadlocked: await deadlockedInAsync(lines, (names) => store.snapshots(names)) };
}

/** Of thousands of names most are not used: their lines are let go as soon as they are read, and a store on disk needs no promise for each. */
async function linesOf(store: ShownStore, names: readonly string[], isShown: (line: LineView) => boolean) {
  const shownOf = (name: string, found: LineView | null) => {
    const line = found ?? neverUsed(name);
    return isShown(line) ? [line] : [];
  };
  const lines: Array<LineView[] | Promise<LineView[]>> = [];
  for (const name of names) {
    const found = store.snapshot(name);
    const shown = found instanceof Promise ? found.then((line) => shownOf(name, line)) : shownOf(name, found);
    if (shown instanceof Promise || shown.length > 0) lines.push(shown);
  }
  return (await Promise.all(lines)).flat();
}

function neverUsed(name: string): LineView {
  return { name, kind: '', permits: 0, value: 0, revision: 0, entries: [] };
}

/** In a store of leases it has a column more. */
function tableOf(lines: readonly LineView[], deadlocked: ReadonlySet<string>, hasLeases: boolean): string[][] {
  const rows = [HEADINGS, ...lines.flatMap((line) => rowsOf(line, deadlocked))];
  if (!hasLeases) return rows;
  const expiries = lines.flatMap(({ entries }) => (entries.length === 0 ? ['-'] : entries.map(expiryOf)));
  return rows.map((row, at) => [...row, at === 0 ? 'EXPIRES' : (expiries[at - 1] ?? '-')]);
}

/** When others get in, unless its session goes on giving signs of life. */
function expiryOf({ expiresInMs }: EntryView): string {
  return expiresInMs === undefined ? '-' : `in ${roughly(expiresInMs)}`;
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
      ago(entry.since, Date.now()),
    ];
  });
}

function asJson({ name, kind, permits, value, entries }: LineView, deadlocked: ReadonlySet<string>): unknown {
  return {
    resource: name,
    kind: kind === '' ? null : kind,
    permits: kind === '' ? null : permits,
    value: ['event', 'barrier', 'counter', 'queue'].includes(kind) ? value : null,
    entries: entries.map((entry) => entryAsJson(entry, deadlocked.has(keyOf(name, entry.ticket)))),
  };
}

function entryAsJson(entry: EntryView, deadlock: boolean): unknown {
  const { state, ask, label, since, owners, stale, expiresInMs } = entry;
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
    ...(expiresInMs === undefined ? {} : { expiresInMs }),
    owners,
  };
}
