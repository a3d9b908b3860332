import prettyMs from 'pretty-ms';
import { openStore } from '../../lib/open-store.ts';
import type { EntryView, LineView } from '../../lib/store.ts';
import type { StatusArguments } from '../commands/status.ts';
import { targetOf } from '../resource.ts';
import { shown } from '../shown.ts';
import { printTable } from '../table.ts';

const HEADINGS = ['RESOURCE', 'KIND', 'STATE', 'TOKEN', 'PID', 'HOST', 'COMMAND', 'SINCE'];

export async function showStatus(args: StatusArguments): Promise<void> {
  const lines = await linesOf(args);
  if (args.json) process.stdout.write(`${JSON.stringify(lines.map(asJson), null, 2)}\n`);
  else if (lines.length > 0) printTable([HEADINGS, ...lines.flatMap(rowsOf)]);
}

async function linesOf({ names = [], file, dir, all }: StatusArguments): Promise<LineView[]> {
  const target = file === undefined ? null : targetOf({ file, dir });
  const store = target?.store ?? openStore(dir);
  const named = target ? [target.name, ...names] : names;
  const wanted = named.length > 0 ? named : await store.names();
  const lines = await Promise.all(wanted.map(async (name) => (await store.snapshot(name)) ?? neverUsed(name)));
  return lines.filter((line) => named.length > 0 || all || line.entries.length > 0);
}

function neverUsed(name: string): LineView {
  return { name, kind: '', permits: 0, entries: [] };
}

function rowsOf(line: LineView): string[][] {
  if (line.entries.length === 0) return [[shown(line.name), kindOf(line), 'free', '-', '-', '-', '-', '-']];
  return line.entries.map((entry) => {
    const owner = entry.owners.at(-1);
    return [
      shown(line.name),
      kindOf(line),
      stateOf(entry),
      String(entry.ticket),
      String(owner?.pid ?? '-'),
      shown(owner?.host ?? '-'),
      shown(entry.label === '' ? '-' : entry.label),
      ageOf(entry),
    ];
  });
}

/** `holding`, `waiting`, `holding ×2` (permits), `holding shared`, `holding stale`. */
function stateOf({ state, ask, stale }: EntryView): string {
  const share = ask === 0 ? ' shared' : ask > 1 ? ` ×${ask}` : '';
  return `${state}${share}${stale ? ' stale' : ''}`;
}

function kindOf({ kind, permits }: LineView): string {
  if (kind === '') return '-';
  return kind === 'semaphore' ? `semaphore(${permits})` : kind;
}

function ageOf({ since }: EntryView): string {
  return `${prettyMs(Math.max(0, Date.now() - since), { unitCount: 2, secondsDecimalDigits: 0 })} ago`;
}

function asJson({ name, kind, permits, entries }: LineView): unknown {
  return {
    resource: name,
    kind: kind === '' ? null : kind,
    permits: kind === '' ? null : permits,
    entries: entries.map(({ ticket, state, ask, label, since, owners, stale }) => ({
      state,
      token: ticket,
      pid: owners.at(-1)?.pid ?? null,
      host: owners.at(-1)?.host ?? null,
      command: label,
      since: new Date(since).toISOString(),
      permits: ask === 0 ? 1 : ask,
      shared: ask === 0,
      stale,
      owners,
    })),
  };
}
