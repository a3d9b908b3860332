/** Who is in the way: one entry of a line, as an error message shows it. */
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

/** What every error of Lockstep has: a stable `code`, what was being done, and to which resource. */
export class LockstepError extends Error {
  readonly code: string;
  /** `acquire`, `release`, `open`, … */
  readonly operation: string | undefined;
  readonly resource: string | undefined;
  /** Who holds the resource, where that is the reason. */
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

/** One wait of a deadlock: who waits, for which resource, and what it holds meanwhile that the one before it needs. */
export interface Waiting extends Standing {
  waitsFor: string;
  /** Null if it only stands in line before the other. */
  holds: (Standing & { resource: string }) | null;
}

/**
 * `DEADLOCK`: the wait could never have ended, nor those that waited for it. Nothing of it is left in line, so
 * the others can go on once its owner releases what it holds.
 */
export class DeadlockError extends LockstepError {
  /** The circle: this wait first, then the one whose owner it waited for, and so on. The last one waited for this one's owner. */
  readonly circle: readonly Waiting[];

  /** `held`: of a circle of one wait, whether this session holds what it waits for, or whoever runs it does. */
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
  // Not to be told by the pid: a command that is run around this one may have become this one (`exec`).
  if (held === 'here') {
    return `this process waits for what it holds itself.${describeHolders(holders)} Release it before acquiring it again.`;
  }
  return `whoever holds it waits for this to end.${describeHolders(holders)} Release it first, or do not acquire it again inside.`;
}

function describeWaiting({ waitsFor, holds, ...standing }: Waiting): string {
  const what = holds ? `holds ${holds.resource} and waits for ${waitsFor}` : `waits for ${waitsFor} before it`;
  return `${describeProcess(standing)} ${what}`;
}

/** `BARRIER_BROKEN`: not all parties will come. Who waited has left; who comes gets the same until it is reset. */
export class BrokenBarrierError extends LockstepError {
  /** Whether it was this wait's own time that ran out. */
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
 * `LEASE_LOST`: the entry was evicted (broken by force, its heartbeat stood still, or its journal is gone).
 * Somebody else may hold the resource by now; whatever the work wrote since is not protected.
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

/** `CONFIG_MISMATCH`: the name is already in use for another kind of resource or number of permits. */
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

/** `STORE_…`: the files could not be trusted, understood, read or written. Nobody was given the resource. */
export class StoreError extends LockstepError {
  readonly path: string;

  constructor(code: string, message: string, details: Details & { path: string }) {
    super(code, message, details);
    this.path = details.path;
  }
}

/** `MISUSE`: an argument that can never be right. It is thrown at once, and nothing was done. */
export class MisuseError extends TypeError {
  readonly code = 'MISUSE';

  constructor(message: string) {
    super(message);
    this.name = 'MisuseError';
  }
}
