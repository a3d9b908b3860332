import type { EntryView } from '../../../lib/index.ts';
import { RELEASED } from '../../../lib/internal.ts';
import { noSuchName } from '../../access/known-name.ts';
import { isOwnedBy, pidOf } from '../../access/pid.ts';
import { subshellOf } from '../../access/shell.ts';
import { targetOf } from '../../access/target.ts';
import type { ResourceArguments } from '../../args/options.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';

const USAGE = 'release NAME --pid $$';

export interface ReleaseArguments extends ResourceArguments {
  pid?: string | undefined;
  token?: number | undefined;
}

export async function releaseForShell(args: ReleaseArguments): Promise<void> {
  const isMeant = selectorOf(args);
  const { name, store } = targetOf(args);
  const line = await store.snapshot(name);
  const entry = line?.entries.find((one) => one.state === 'holding' && isMeant(one));
  const eviction = { reason: RELEASED, by: `pid ${process.pid}`, isRelease: true };
  if (entry && (await store.evict(name, entry.ticket, eviction))) return;
  if (line === null && args.file === undefined) return noSuchName(store, name);
  say(`${name}: ${whyNot(args)}`);
  throw new Exit(EXIT.failed);
}

function whyNot({ pid: given, token }: ReleaseArguments): string {
  if (token !== undefined) return `no holder has token ${token}`;
  const pid = pidOf(given, USAGE);
  const subshell = subshellOf(pid);
  if (subshell === null) return `pid ${pid} does not hold it`;
  return `pid ${pid} does not hold it: $$ is the shell around this subshell (pid ${subshell}). For the subshell, write --pid without a number`;
}

function selectorOf({ pid, token }: ReleaseArguments): (entry: EntryView) => boolean {
  if (token !== undefined) return (entry) => entry.token === token;
  const owner = pidOf(pid, USAGE);
  return (entry) => isOwnedBy(entry, owner);
}
