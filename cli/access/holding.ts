import { type Lease, LeaseLostError } from '../../lib/index.ts';
import { say } from '../output/exit.ts';
import { messageWithRemedy } from '../output/remedies.ts';

/** A lease under which a command runs. Its loss is reported on stderr, once, when it is noticed. */
export class Holding {
  readonly lease: Lease;
  #loss: LeaseLostError | null = null;

  constructor(lease: Lease) {
    this.lease = lease;
    lease.signal.addEventListener('abort', () => this.#lose(lease.signal.reason as LeaseLostError));
  }

  /** Looks whether the lease is lost. If the store cannot be read, it counts as held. */
  async loss(): Promise<LeaseLostError | null> {
    await this.lease.assertHeld().catch((error: unknown) => error instanceof LeaseLostError && this.#lose(error));
    return this.#loss;
  }

  /** Releases the lease. A failure is only reported: the caller needs the command's status. */
  async release(): Promise<void> {
    try {
      await this.lease.release();
    } catch (error) {
      if (error instanceof LeaseLostError) this.#lose(error);
      else say(messageWithRemedy(error));
    }
  }

  #lose(loss: LeaseLostError): void {
    if (this.#loss) return;
    this.#loss = loss;
    say(loss.message);
  }
}
