import { type GrpcStatus, statusWord } from './grpc-status.ts';

/** The meaning of a server's refusal. */
export interface Verdict {
  /** Whether the server may have done what was asked for, although it reports an error. */
  readonly mayBeDone: boolean;
  /** The remedy: another member, some time, a new token; or none, because every member answers the same. */
  readonly remedy: 'elsewhere' | 'later' | 'authenticate' | 'none';
}

const NOT_DONE_ELSEWHERE: Verdict = { mayBeDone: false, remedy: 'elsewhere' };
const UNSURE_ELSEWHERE: Verdict = { mayBeDone: true, remedy: 'elsewhere' };
const REFUSED: Verdict = { mayBeDone: false, remedy: 'none' };

/**
 * Errors that etcd returns before it proposes a request to the cluster. Any other "unavailable" may also come after
 * that: the request timed out, the leader was lost, the server is stopping.
 */
const BEFORE_PROPOSAL = ['no leader', 'not capable', 'not supported for learner', 'raft proposal dropped'];

/**
 * The answers of a member when the time of a request is over while it waits for the others. etcd 3.4 sends them as "unknown", not
 * as "deadline exceeded".
 */
const OUT_OF_TIME = ['context deadline exceeded', 'context canceled'];

/** Errors of a token: the user has none, it has expired, or users were changed since. All are found before, or instead of, the work. */
const OF_THE_TOKEN = ['invalid auth token', 'user name is empty', 'revision of auth store is old'];

export function verdictOf({ code, message }: GrpcStatus): Verdict {
  const says = (words: readonly string[]) => words.some((some) => message.includes(some));
  if (says(OF_THE_TOKEN)) return { mayBeDone: false, remedy: 'authenticate' };
  if (says(BEFORE_PROPOSAL)) return NOT_DONE_ELSEWHERE;
  if (says(OUT_OF_TIME)) return UNSURE_ELSEWHERE;
  switch (statusWord(code)) {
    case 'unauthenticated':
      return { mayBeDone: false, remedy: 'authenticate' };
    case 'resource exhausted':
      // The others are limits (the database is full, the message is too large): time does not help.
      return says(['too many requests']) ? { mayBeDone: false, remedy: 'later' } : REFUSED;
    case 'unavailable':
    case 'deadline exceeded':
    case 'cancelled':
    case 'aborted':
      return UNSURE_ELSEWHERE;
    case 'unknown':
    case 'internal':
    case 'data loss':
      return { mayBeDone: true, remedy: 'none' };
    default:
      return REFUSED;
  }
}
