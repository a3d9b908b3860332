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

/** One clause that names an entry: `pid 42 on web1 (./deploy.sh), since 2026-11-23T09:00:00.000Z`. */
export function describeStanding(standing: Standing): string {
  const command = standing.command === '' ? '' : ` (${standing.command})`;
  return `pid ${standing.pid} on ${standing.host}${command}, in line since ${new Date(standing.since).toISOString()}`;
}

function describeHolders(holders: readonly Standing[]): string {
  if (holders.length === 0) return '';
  const shown = holders.slice(0, 3).map(describeStanding).join('; ');
  return ` Held by ${shown}${holders.length > 3 ? `; and ${holders.length - 3} more` : ''}.`;
}

/** `LOCK_TIMEOUT`: the wait ended before the resource was free. Nothing is left in line. */
export class LockTimeoutError extends LockstepError {
  constructor(resource: string, timeoutMs: number, holders: readonly Standing[]) {
    super(
      'LOCK_TIMEOUT',
      `${resource}: not acquired within ${timeoutMs} ms.${describeHolders(holders)} Wait longer, or see \`lockstep status\`.`,
      { operation: 'acquire', resource, holders },
    );
  }
}

/** `DEADLOCK`: the wait could never have ended. Nothing is left in line. */
export class DeadlockError extends LockstepError {
  constructor(resource: string, holders: readonly Standing[]) {
    super(
      'DEADLOCK',
      `${resource}: a deadlock: this process waits for what it holds itself.${describeHolders(holders)} Release it before acquiring it again.`,
      { operation: 'acquire', resource, holders },
    );
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
      `${resource}: is a ${exists}, and was opened as a ${wanted}. Nothing was changed. Use the same kind and number everywhere, or another name.`,
      { operation: 'open', resource },
    );
  }
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
