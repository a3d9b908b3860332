import { brand } from '../../copies.ts';
import { LockstepError } from '../../errors.ts';
import { type GrpcStatus, statusWord } from './grpc-status.ts';

/**
 * - `UNREACHABLE`: no server did it, surely: none could be reached, or each refused before it began. Try again later.
 * - `UNSURE`: a server got the request, and its answer did not come. It may have been done. Only for requests that change
 *   something; a read that got no answer is `UNREACHABLE`.
 * - `DENIED`: the user, the password or the permissions are wrong.
 * - `COMPACTED`: the revision is no longer kept (`compactRevision` is the oldest one, where the server names it). Read
 *   anew.
 * - `EXPIRED`: there is no such lease, or not any more.
 * - `REFUSED`: any other answer that every server would give again. Nothing was done.
 * - `MALFORMED`: an answer that is none of etcd's, to a request that changes nothing.
 * - `CLOSED`: the client has been closed, and nothing was sent.
 */
export type EtcdCode =
  | 'UNREACHABLE'
  | 'UNSURE'
  | 'DENIED'
  | 'COMPACTED'
  | 'EXPIRED'
  | 'REFUSED'
  | 'MALFORMED'
  | 'CLOSED';

interface EtcdDetails {
  operation: string;
  status?: GrpcStatus;
  compactRevision?: number;
  cause?: unknown;
}

/**
 * Every error of the client, except misuse and the reason of a signal that aborts. No message contains a secret. The errors of stores
 * and locks have one as their `cause`.
 *
 * Catch it where a program must know what the cluster answered.
 *
 * @example
 * import { EtcdError, openEtcdStore } from 'lockstep/etcd';
 * const store = openEtcdStore('etcd://127.0.0.1:1/nobody-listens', { credentials: null });
 * const { cause } = await store.ping().catch((error) => error);
 * console.log(cause instanceof EtcdError && cause.code); // prints UNREACHABLE
 */
export class EtcdError extends LockstepError {
  /** The meaning of the error for the caller. */
  declare readonly code: EtcdCode;
  /** The server's answer, where there is one. */
  readonly status: GrpcStatus | undefined;
  /** The oldest revision that is kept, for `COMPACTED`. 0: the server did not name it. */
  readonly compactRevision: number;

  constructor(code: EtcdCode, message: string, { operation, status, compactRevision = 0, cause }: EtcdDetails) {
    super(code, message, { operation, ...(cause === undefined ? {} : { cause }) });
    this.status = status;
    this.compactRevision = compactRevision;
  }
}

brand({ EtcdError });

/** The meaning of a server's final answer to the caller, if the call was surely not done. */
export function refusal(operation: string, where: string, status: GrpcStatus): EtcdError {
  const [code, remedy] = refusalKind(status);
  return new EtcdError(code, `etcd ${operation} at ${where}: ${describeStatus(status)}. ${remedy}`, {
    operation,
    status,
  });
}

/** An answer that is none of etcd's, to a request that changes nothing. */
export function malformed(operation: string, where: string, cause: Error): EtcdError {
  return new EtcdError(
    'MALFORMED',
    `etcd ${operation} at ${where}: ${cause.message}. Check that it is etcd that listens there, version 3.4 or later.`,
    { operation, cause },
  );
}

/** The client has been closed, before anything was sent. */
export function closed(operation: string): EtcdError {
  return new EtcdError('CLOSED', `etcd ${operation}: the client has been closed. Nothing was done.`, { operation });
}

export function describeStatus({ code, message }: GrpcStatus): string {
  return message === '' ? statusWord(code) : message.replace(/\.$/, '');
}

function refusalKind({ code, message }: GrpcStatus): [EtcdCode, string] {
  const word = statusWord(code);
  if (word === 'permission denied')
    return ['DENIED', "Grant the user's role these keys (etcdctl role grant-permission)."];
  if (word === 'unauthenticated' || /authentication failed|user name is empty|auth token/.test(message))
    return ['DENIED', 'Check the user in the URL, and the password ($LOCKSTEP_ETCD_PASSWORD or its file).'];
  if (word === 'out of range' && message.includes('compacted')) return ['COMPACTED', 'Read the newest revision.'];
  if (word === 'not found' && message.includes('lease')) return ['EXPIRED', 'Grant another one.'];
  if (message.includes('database space exceeded'))
    return ['REFUSED', 'Compact and defragment the database, then disarm the alarm (etcdctl alarm disarm).'];
  return ['REFUSED', 'Every member would answer the same; nothing was done.'];
}
