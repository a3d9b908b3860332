import { type Lease, LeaseLostError } from '../../lib/index.ts';
import { later } from '../../lib/internal.ts';
import { say } from '../output/exit.ts';
import { messageWithRemedy } from '../output/remedies.ts';

/** A command that is over before needs no watch, which would only delay its end: `loss` looks then. */
const WATCH_AFTER_MS = 20;

/** A lease under which a command runs. Its loss is reported on stderr, once, when it is noticed. */
export class Holding {
  readonly lease: Lease;
  #loss: LeaseLostError | null = null;
  readonly #unwatch: () => void;

  constructor(lease: Lease) {
    this.lease = lease;
    const watch = () => lease.signal.addEventListener('abort', () => this.#lose(lease.signal.reason as LeaseLostError));
    this.#unwatch = later(WATCH_AFTER_MS, watch, false);
  }

  /** Looks whether the lease is lost. If the store cannot be read, it counts as held. */
  async loss(): Promise<LeaseLostError | null> {
    // It will not be held again, and the store may be what cannot be reached.
    if (this.#loss) return this.#loss;
    await this.lease.assertHeld().catch((error: unknown) => error instanceof LeaseLostError && this.#lose(error));
    return this.#loss;
  }

  /** Releases the lease. A failure is only reported: the caller needs the command's status. */
  async release(): Promise<void> {
    this.#unwatch();
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
