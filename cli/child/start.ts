import type { Lease } from '../../lib/index.ts';
import { type HeldOptions, HeldProcess } from '../../lib/internal.ts';
import { Exit, say, UsageError } from '../output/exit.ts';
import { inheritance } from '../startup/inheritance.ts';
import { CANNOT_RUN } from './status.ts';
import { undecodedIn } from './undecoded.ts';

/**
 * Starts a command as a shell would: same terminal, same streams, its words unchanged. It does not begin before `go()`.
 *
 * @throws {Exit} (rejects) 126 if not even a shell can be started
 */
export async function startHeld(command: readonly string[], options: HeldOptions = {}): Promise<HeldProcess> {
  try {
    return await HeldProcess.start(
      { command },
      { ...options, undecoded: undecodedIn(command), inherited: inheritance },
    );
  } catch (error) {
    if (error instanceof UsageError) throw error;
    say(`cannot start ${command[0]}: ${(error as Error).message}`);
    throw new Exit(CANNOT_RUN);
  }
}

/**
 * Starts a command under a lock. The order closes the gap between the
 * command's birth and the moment when others can see it:
 *   1. the command is born held;
 *   2. `whileHeld` has it adopted into the lock's entry, by a key of its own if it gives one, and may record it;
 *   3. the command is let go: from here on the lock lives as long as the command, even if the wrapper is killed.
 * If the wrapper dies before 3, or 2 fails, the command never begins.
 *
 * @throws {Exit} (rejects) 126 if not even a shell can be started
 * @throws the error of `whileHeld` (rejects)
 */
export async function startCommand(
  lease: Lease,
  command: readonly string[],
  options: HeldOptions,
  whileHeld: (held: HeldProcess, adopt: (key?: string) => Promise<boolean>) => Promise<unknown>,
): Promise<HeldProcess> {
  const lifeline = lease.commandLifeline();
  let held: HeldProcess | undefined;
  let isTaken = false;
  try {
    const closed = () => lifeline?.closed();
    held = await startHeld(command, {
      ...options,
      lifeline: lifeline?.fd,
      onLifelineClosed: closed,
      flocked: lease.foreignDescriptor(),
    });
    const { pid, traits } = held;
    await whileHeld(held, (key) => {
      isTaken = true;
      return lease.adoptCommand(pid, { lifeline, command: traits, key });
    });
  } catch (error) {
    if (!isTaken) lifeline?.discard();
    held?.drop();
    throw error;
  }
  held.go();
  return held;
}
