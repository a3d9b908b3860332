import { userInfo } from 'node:os';
import type { EntryView } from '../../lib/store.ts';
import type { BreakArguments } from '../commands/break.ts';
import { say } from '../failure.ts';
import { targetOf } from '../resource.ts';

export async function breakHolders(args: BreakArguments): Promise<void> {
  const { name, store } = targetOf(args);
  const line = await store.snapshot(name);
  const meant = (line?.entries ?? []).filter((entry) => isMeant(entry, args));
  if (meant.length === 0) say(`${name}: nothing to break`);
  for (const entry of meant) {
    const by = `pid ${process.pid} of ${userName()}`;
    if (!(await store.evict(name, entry.ticket, { reason: args.reason.slice(0, 200), by }))) continue;
    const owner = entry.owners.at(-1);
    process.stdout.write(
      `${name}: evicted token ${entry.ticket}, ${entry.state}: pid ${owner?.pid} on ${owner?.host} (${entry.label})\n`,
    );
  }
}

function isMeant(entry: EntryView, { token, waiting }: BreakArguments): boolean {
  if (token !== undefined) return entry.ticket === token;
  return waiting || entry.state === 'holding';
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
