import type { Lease, Store } from '../../../lib/index.ts';
import { commandLifeline, exec, releaseAll, whyNotExec } from '../../../lib/internal.ts';
import { environmentOf } from '../../child/environment.ts';
import { undecodedIn } from '../../child/undecoded.ts';
import { EXIT, UsageError } from '../../output/exit.ts';
import { inheritance } from '../../startup/inheritance.ts';

/** Shells keep files of their own in later ones. */
const LAST_OF_SCRIPTS = 9;

/** Before anything is locked. @throws {UsageError} if the command cannot replace this process as it is */
export function checkExec(words: readonly string[]): void {
  const why = whyNotExec();
  if (why !== null) throw new UsageError(`--no-fork cannot be done here: ${why}`);
  if (undecodedIn(words)) throw new UsageError('--no-fork cannot hand on what is not UTF-8; without it, CMD gets it');
  const [lost] = inheritance.descriptors.filter((fd) => fd <= LAST_OF_SCRIPTS);
  if (lost !== undefined)
    throw new UsageError(`--no-fork cannot hand on descriptor ${lost}, which is open; without it, CMD gets it`);
}

/**
 * Has the command replace this process, and hold the lock by its pid until it ends. To others of this pid namespace nothing
 * changes as that happens. For other namespaces the lifeline is needed:
 *   1. the entry is handed over to our own pid, as to a process that has no lifeline: a process that cannot ask for the pid
 *      takes it for alive;
 *   2. our own lifeline ends with our program;
 *   3. the command has opened the new lifeline, and only then it gets its name.
 */
export async function becomeCommand(lease: Lease, store: Store, words: readonly string[]): Promise<never> {
  const lifeline = lease.commandLifeline();
  const env = { ...process.env, ...environmentOf(lease, store) };
  try {
    await lease.handOver(process.pid);
  } catch (error) {
    lifeline?.discard();
    await lease.end().catch(() => undefined);
    throw error;
  }
  const name = await lifelineName(lease, store);
  releaseAll(EXIT.ok);
  return exec(words, {
    env,
    ignored: inheritance.ignored,
    lifeline: lifeline && name ? { path: lifeline.path, name } : null,
  });
}

/** The place at which others look for the lifeline of the entry's last owner. */
async function lifelineName({ name, token }: Lease, store: Store): Promise<string | null> {
  const entry = (await store.snapshot(name))?.entries.find((one) => one.token === token);
  const owner = entry?.owners.at(-1);
  return owner ? `${store.place}/sessions/${commandLifeline({ key: owner.session, facts: { pid: owner.pid } })}` : null;
}
