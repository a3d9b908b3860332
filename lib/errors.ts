import { brand } from './copies.ts';
import { describeHolders, describeProcess, type Standing } from './standing.ts';

export type { Standing } from './standing.ts';

interface Details {
  operation?: string;
  resource?: string;
  holders?: readonly Standing[];
  cause?: unknown;
}

/**
 * `LockstepError` is the class of all errors of Lockstep except misuse: each has a stable `code`, the operation that
 * failed, and its resource. Catch it to distinguish Lockstep's errors from others, and by `code` from each other.
 *
 * @example
 * import { Lock, LockstepError } from 'lockstep';
 * const lock = new Lock('deploy');
 * await using lease = await lock.acquire();
 * await lock.acquire({ timeout: 0 }).catch((error) => {
 *   console.log(error instanceof LockstepError, error.code); // prints true LOCK_TIMEOUT
 * });
 */
export class LockstepError extends Error {
  /** The kind of error: the same in every version, for programs. */
  readonly code: string;
  /** The operation that failed: `acquire`, `release`, `open`, … */
  readonly operation: string | undefined;
  /** The resource's name, where there is one. */
  readonly resource: string | undefined;
  /** The holders of the resource, where they are the reason. */
  readonly holders: readonly Standing[];

  constructor(code: string, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.operation = details.operation;
    this.resource = details.resource;
    this.holders = details.holders ?? [];
  }
}

/**
 * `LOCK_TIMEOUT`: the wait ended before the resource was free. No entry is left in line. Catch it to do something else
 * when the resource is busy.
 *
 * @example
 * import { Lock, LockTimeoutError } from 'lockstep';
 * const lock = new Lock('deploy');
 * await using lease = await lock.acquire();
 * await lock.acquire({ timeout: 0 }).catch((error) => console.log(error instanceof LockTimeoutError)); // prints true
 */
export class LockTimeoutError extends LockstepError {
  /** The lock of other programs (`alsoLock`) that was not free, in words, when it was this caller's turn; undefined: it was not. */
  readonly foreignLock: string | undefined;

  constructor(resource: string, timeoutMs: number, holders: readonly Standing[], foreignLock?: string) {
    const foreign = foreignLock === undefined ? '' : ` Another program has ${foreignLock}.`;
    super(
      'LOCK_TIMEOUT',
      `${resource}: not acquired within ${timeoutMs} ms.${describeHolders(holders)}${foreign} Wait longer.`,
      { operation: 'acquire', resource, holders },
    );
    this.foreignLock = foreignLock;
  }
}

/** One wait of a deadlock cycle: the waiter, its resource, and what it holds that the wait before it needs. */
export interface Waiting extends Standing {
  /** The resource that it waits for. */
  waitsFor: string;
  /** The entry that it holds; null if it only stands in line before the other wait. */
  holds: (Standing & { resource: string }) | null;
}

/**
 * `DEADLOCK`: the wait provably could not have ended, nor the waits for it. No entry of it is left in line, so the other
 * waits can end once this waiter releases what it holds. Catch it to release, and try again.
 *
 * @example
 * import { DeadlockError, Lock } from 'lockstep';
 * const lock = new Lock('deploy');
 * const held = lock.withLock(() => lock.acquire());
 * await held.catch((error) => console.log(error instanceof DeadlockError)); // prints true
 */
export class DeadlockError extends LockstepError {
  /** The cycle: this wait first, then the wait of the process that it waits for, and so on, back to the first. */
  readonly circle: readonly Waiting[];

  /** `held`, for a cycle of one wait: whether this session holds the resource, or the command around it does. */
  constructor(resource: string, circle: readonly Waiting[], held: 'here' | 'around' = 'here') {
    const holders = [circle[1] ?? circle[0]].flatMap((next) => next?.holds ?? []);
    super('DEADLOCK', `${resource}: a deadlock: ${describeCircle(circle, holders, held)}`, {
      operation: 'acquire',
      resource,
      holders,
    });
    this.circle = circle;
  }
}

function describeCircle(circle: readonly Waiting[], holders: readonly Standing[], held: 'here' | 'around'): string {
  if (circle.length > 1)
    return `${circle.map(describeWaiting).join('; ')}. The first of these waits was given up. Acquire what is needed together in one order everywhere.`;
  // The pid does not distinguish the two: the command around this process may have become this process (`exec`).
  if (held === 'here') {
    return `this process waits for a resource that it holds itself.${describeHolders(holders)} Release it before acquiring it again.`;
  }
  return `its holder waits for this process to end.${describeHolders(holders)} Release it first, or do not acquire it again inside.`;
}

function describeWaiting({ waitsFor, holds, ...standing }: Waiting): string {
  const what = holds ? `holds ${holds.resource} and waits for ${waitsFor}` : `waits for ${waitsFor} before it`;
  return `${describeProcess(standing)} ${what}`;
}

/**
 * `BARRIER_BROKEN`: not all parties will arrive. Every waiter gets it, and every later `wait()` until a reset. Catch it
 * to end the round, and reset the barrier.
 *
 * @example
 * import { Barrier, BrokenBarrierError } from 'lockstep';
 * await new Barrier('start', 2).wait({ timeout: 10 }).catch((error) => {
 *   console.log(error instanceof BrokenBarrierError, error.timedOut); // prints true true
 * });
 */
export class BrokenBarrierError extends LockstepError {
  /** Whether this wait's own timeout broke the barrier. */
  readonly timedOut: boolean;

  constructor(resource: string, reason: string, timedOut = false) {
    super(
      'BARRIER_BROKEN',
      `${resource}: the barrier is broken: ${reason}. Check the other parties, then \`reset()\` it.`,
      { operation: 'wait', resource },
    );
    this.timedOut = timedOut;
  }
}

/**
 * `LEASE_LOST`: the lease's entry was evicted (by `lockstep break`, because its keepalive stood still, or because its
 * journal is gone). Another process may hold the resource by now; later writes of the work are not protected. Catch it to
 * stop the work.
 *
 * @example
 * import { LeaseLostError, Lock } from 'lockstep';
 * const lock = new Lock('deploy');
 * const lease = await lock.acquire();
 * await lock.store.evict('deploy', lease.token, { reason: 'broken', by: 'an example' });
 * await lease.release().catch((error) => console.log(error instanceof LeaseLostError)); // prints true
 */
export class LeaseLostError extends LockstepError {
  /** The fencing token of the lost lease. */
  readonly token: number;
  /** Why it was lost. */
  readonly reason: string;

  constructor(resource: string, token: number, reason: string) {
    super(
      'LEASE_LOST',
      `${resource}: the lease with token ${token} is lost: ${reason}. Stop the work it protected; its successor's entry was not touched.`,
      { operation: 'hold', resource },
    );
    this.token = token;
    this.reason = reason;
  }
}

/**
 * `CONFIG_MISMATCH`: the name is already in use for another kind of resource, or another number of permits. Catch it to
 * recognize two programs that disagree on a name.
 *
 * @example
 * import { ConfigMismatchError, Lock, Semaphore } from 'lockstep';
 * await new Lock('deploy').withLock(() => undefined);
 * await new Semaphore('deploy', 4).acquire().catch((error) => {
 *   console.log(error instanceof ConfigMismatchError); // prints true
 * });
 */
export class ConfigMismatchError extends LockstepError {
  constructor(resource: string, exists: string, wanted: string) {
    super(
      'CONFIG_MISMATCH',
      `${resource}: is ${withArticle(exists)}, and was opened as ${withArticle(wanted)}. Nothing was changed. Use the same kind and number everywhere, or another name.`,
      { operation: 'open', resource },
    );
  }
}

const withArticle = (noun: string) => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;

/**
 * `LOG_FULL`: the log of a hot count holds as many sales as it may, and none was written back meanwhile. Nothing was taken. Catch it to
 * refuse the sale for now: the same id may succeed once the database has what is logged.
 *
 * @example
 * import { LockstepError, LogFullError } from 'lockstep';
 * const error = new LogFullError('show-7', 1_000);
 * console.log(error instanceof LockstepError, error.code, error.bound); // prints true LOG_FULL 1000
 */
export class LogFullError extends LockstepError {
  /** How many sales the log may hold. */
  readonly bound: number;

  constructor(resource: string, bound: number) {
    super(
      'LOG_FULL',
      `${resource}: ${bound} sales wait to be written back, and the log takes no more. Nothing was taken. Write them back, then try again.`,
      { operation: 'take', resource },
    );
    this.bound = bound;
  }
}

/**
 * `STORE_…` and others: files could not be trusted, understood, read or written. The resource was granted to nobody. Catch
 * it to distinguish a broken store or file from a busy resource.
 *
 * @example
 * import { Lock, StoreError } from 'lockstep';
 * const lock = new Lock('deploy', { store: '/dev/null/store' });
 * await lock.acquire().catch((error) => console.log(error instanceof StoreError)); // prints true
 */
export class StoreError extends LockstepError {
  /** The file or directory. */
  readonly path: string;

  constructor(code: string, message: string, details: Details & { path: string }) {
    super(code, message, details);
    this.path = details.path;
  }
}

/**
 * `MISUSE`: an argument or a call that can never be right. Nothing was done. Catch it in tests only: in a program it
 * marks a bug.
 *
 * @example
 * import { Lock, MisuseError } from 'lockstep';
 * await new Lock('x').acquire({ timeout: -1 }).catch((error) => console.log(error instanceof MisuseError)); // prints true
 */
export class MisuseError extends TypeError {
  readonly code = 'MISUSE';

  constructor(message: string) {
    super(message);
    this.name = 'MisuseError';
  }
}

brand({ LockstepError, LockTimeoutError, DeadlockError, BrokenBarrierError });
brand({ LeaseLostError, ConfigMismatchError, LogFullError, StoreError, MisuseError });
