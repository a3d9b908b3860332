import type { EntryView } from '../../lib/store.ts';
import type { ReleaseArguments } from '../commands/release.ts';
import { EXIT, Exit, say } from '../failure.ts';
import { isOwnedBy, pidOf } from '../process-of.ts';
import { targetOf } from '../resource.ts';

export async function releaseForShell(args: ReleaseArguments): Promise<void> {
  const isMeant = selectorOf(args);
  const { name, store } = targetOf(args);
  const line = await store.snapshot(name);
  const entry = line?.entries.find((one) => one.state === 'holding' && isMeant(one));
  if (entry && (await store.evict(name, entry.ticket, { reason: 'released', by: `pid ${process.pid}` }))) return;
  say(
    `${name}: ${args.token === undefined ? `pid ${args.pid} holds nothing of it` : `nobody holds it with token ${args.token}`}`,
  );
  throw new Exit(EXIT.failed);
}

function selectorOf({ pid, token }: ReleaseArguments): (entry: EntryView) => boolean {
  if (token !== undefined) return (entry) => entry.token === token;
  const owner = pidOf(pid, 'release NAME --pid $$');
  return (entry) => isOwnedBy(entry, owner);
}
