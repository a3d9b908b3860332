import { userInfo } from 'node:os';
import type { EntryView } from '../../../lib/index.ts';
import { noSuchName } from '../../access/known-name.ts';
import { targetOf } from '../../access/target.ts';
import type { ResourceArguments } from '../../args/options.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import { tokenOf } from '../../report/line-words.ts';
import { shown } from '../../text/escape.ts';

export interface BreakArguments extends ResourceArguments {
  token?: number | undefined;
  waiting: boolean;
  reason: string;
}

export async function breakHolders(args: BreakArguments): Promise<void> {
  const { name, store } = targetOf(args);
  const line = await store.snapshot(name);
  const chosen = (line?.entries ?? []).filter((entry) => isChosen(entry, args));
  if (line === null && args.file === undefined) return noSuchName(store, name);
  if (chosen.length === 0 && args.token !== undefined) {
    say(`${name}: no entry has token ${args.token}`);
    throw new Exit(EXIT.failed);
  }
  if (chosen.length === 0) say(`${name}: nothing to break`);
  // From the end: evicting a holder first would grant a chosen waiter, which would begin its work and lose the lease.
  for (const entry of chosen.reverse()) {
    const by = `pid ${process.pid} of ${userName()}`;
    if (!(await store.evict(name, entry.ticket, { reason: args.reason.slice(0, 200), by }))) continue;
    const owner = entry.owners.at(-1);
    const who = `pid ${owner?.pid} on ${owner?.host} (${entry.label})`;
    process.stdout.write(`${shown(`${name}: evicted token ${tokenOf(entry)}, ${entry.state}: ${who}`)}\n`);
  }
}

function isChosen(entry: EntryView, { token, waiting }: BreakArguments): boolean {
  if (token !== undefined) return tokenOf(entry) === token;
  return waiting || entry.state === 'holding';
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
