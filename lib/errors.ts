/** An entry of a line, as an error message shows it. */
export interface Standing {
  /** The entry's fencing token. */
  token: number;
  pid: number;
  host: string;
  /** The command line or label that the entry gave. */
  command: string;
  /** When it joined the line, in ms since 1970. */
  since: number;
}

interface Details {
  operation?: string;
  resource?: string;
  holders?: readonly Standing[];
  cause?: unknown;
}

/** The base of Lockstep's errors: a stable `code`, the operation, and the resource. */
export class LockstepError extends Error {
  readonly code: string;
  /** `acquire`, `release`, `open`, … */
  readonly operation: string | undefined;
  readonly resource: string | undefined;
  /** The holders of the resource, if they are the reason. */
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

function describeProcess({ pid, host, command }: Standing): string {
  return `pid ${pid} on ${host}${command === '' ? '' : ` (${command})`}`;
}

/** One clause that names an entry: `pid 42 on web1 (./deploy.sh), in line since 2026-11-23T09:00:00.000Z`. */
export function describeStanding(standing: Standing): string {
  return `${describeProcess(standing)}, in line since ${new Date(standing.since).toISOString()}`;
}

function describeHolders(holders: readonly Standing[]): string {
  if (holders.length === 0) return '';
  const shown = holders.slice(0, 3).map(describeStanding).join('; ');
  return ` Held by ${shown}${holders.length > 3 ? `; and ${holders.length - 3} more` : ''}.`;
}

/** `LOCK_TIMEOUT`: the wait ended before the resource was free. Nothing is left in line. */
export class LockTimeoutError extends LockstepError {
  constructor(resource: string, timeoutMs: number, holders: readonly Standing[]) {
    super('LOCK_TIMEOUT', `${resource}: not acquired within ${timeoutMs} ms.${describeHolders(holders)} Wait longer.`, {
      operation: 'acquire',
      resource,
      holders,
    });
  }
}

/** One wait of a deadlock: the waiter, the resource it waits for, and what it holds that the wait before it needs. */
export interface Waiting extends Standing {
  waitsFor: string;
  /** Null if it is only ahead of the other in line. */
  holds: (Standing & { resource: string }) | null;
}

/**
 * `DEADLOCK`: the wait could never have ended, nor those that waited for it. Its entry has left the line, so the others
 * can continue once the rejected waiter releases what it holds.
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
  if (circle.length > 1) {
    return `${circle.map(describeWaiting).join('; ')}. The first of these waits was given up. Acquire what is needed together in one order everywhere.`;
  }
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
 * `BARRIER_BROKEN`: not all parties will arrive. All waiters have left; later ones get this error until it is reset.
 */
export class BrokenBarrierError extends LockstepError {
  /** Whether this wait's own timeout broke it. */
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
 * `LEASE_LOST`: the entry was evicted (by force, or because its keepalive stood still), or its journal is gone. Another
 * process may hold the resource by now, so later writes of this work are not protected.
 */
export class LeaseLostError extends LockstepError {
  readonly token: number;
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

/** `CONFIG_MISMATCH`: the name is already used with another kind or number of permits. */
export class ConfigMismatchError extends LockstepError {
  constructor(resource: string, exists: string, wanted: string) {
    super(
      'CONFIG_MISMATCH',
      `${resource}: is ${withArticle(exists)}, and was opened as ${withArticle(wanted)}. Nothing was changed. Use the same kind and number everywhere, or another name.`,
      { operation: 'open', resource },
    );
  }
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** `STORE_…`: a file could not be trusted, parsed, read or written. The resource was not acquired. */
export class StoreError extends LockstepError {
  readonly path: string;

  constructor(code: string, message: string, details: Details & { path: string }) {
    super(code, message, details);
    this.path = details.path;
  }
}

/** `MISUSE`: an argument that can never be valid. It is thrown at once, and nothing was done. */
export class MisuseError extends TypeError {
  readonly code = 'MISUSE';

  constructor(message: string) {
    super(message);
    this.name = 'MisuseError';
  }
}
