import type { Lease } from '../../lib/index.ts';
import { say } from '../output/exit.ts';
import { messageWithRemedy } from '../output/remedies.ts';

/** Reports the loss of a lease whose command goes on. */
export function reportLoss(lease: Lease): void {
  lease.signal.addEventListener('abort', () => say((lease.signal.reason as Error).message));
}

/** Releases the lease of a command that has ended. Its status is what the caller needs, so a failure is only reported. */
export async function giveBack(lease: Lease): Promise<void> {
  try {
    await lease.release();
  } catch (error) {
    // A lost lease was reported when it was lost.
    if (lease.held) say(messageWithRemedy(error));
  }
}
