import type { EntryView } from '../../../lib/index.ts';
import { isOwnedBy, pidOf } from '../../access/pid.ts';
import { targetOf } from '../../access/target.ts';
import type { ResourceArguments } from '../../args/options.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';

export interface ReleaseArguments extends ResourceArguments {
  pid?: number | undefined;
  token?: number | undefined;
}

export async function releaseForShell(args: ReleaseArguments): Promise<void> {
  const isMeant = selectorOf(args);
  const { name, store } = targetOf(args);
  const line = await store.snapshot(name);
  const entry = line?.entries.find((one) => one.state === 'holding' && isMeant(one));
  if (entry && (await store.evict(name, entry.ticket, { reason: 'released', by: `pid ${process.pid}` }))) return;
  say(
    `${name}: ${args.token === undefined ? `pid ${args.pid} does not hold it` : `no holder has token ${args.token}`}`,
  );
  throw new Exit(EXIT.failed);
}

function selectorOf({ pid, token }: ReleaseArguments): (entry: EntryView) => boolean {
  if (token !== undefined) return (entry) => entry.token === token;
  const owner = pidOf(pid, 'release NAME --pid $$');
  return (entry) => isOwnedBy(entry, owner);
}
