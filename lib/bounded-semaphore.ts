import type { AcquireOptions } from './acquirable.ts';
import { handed, type Recipe } from './handed.ts';
import type { Lease } from './lease.ts';
import { type PermitOptions, Semaphore } from './semaphore.ts';

const TRAITS = { strict: true } as const;

/**
 * A semaphore of which a release too many is an error: `release` of a lease that was released before rejects with a
 * `MisuseError`, where a `Semaphore`'s does nothing. Either way there are never more permits than at first. It is the
 * same semaphore as `Semaphore` of that name.
 *
 * ```ts
 * const lease = await new BoundedSemaphore('ktv', 4).acquire();
 * await lease.release();
 * await lease.release(); // MisuseError
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  override async acquire(options: AcquireOptions & PermitOptions = {}): Promise<Lease> {
    return this.enter(this.ask(options), options, TRAITS);
  }

  override async tryAcquire(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Promise<Lease | null> {
    return this.tryEnter(this.ask(options), options, TRAITS);
  }

  override acquireSync(options: AcquireOptions & PermitOptions = {}): Lease {
    return this.enterSync(this.ask(options), options, TRAITS);
  }

  override tryAcquireSync(options: Omit<AcquireOptions, 'timeout'> & PermitOptions = {}): Lease | null {
    return this.tryEnterSync(this.ask(options), options, TRAITS);
  }

  /** @internal */
  override [handed](): Recipe {
    return ['BoundedSemaphore', this.name, this.permits, this.place];
  }
}
