import type { Clock } from '../../time/clock.ts';
import { countdown } from '../../time/countdown.ts';
import { byDeadline } from '../../time/deadline.ts';
import { waitUntil } from '../../time/wait.ts';
import { Backoff } from './backoff.ts';
import type { Channel } from './channel.ts';
import type { Connection } from './connection.ts';
import { closed, describeStatus, EtcdError, refusal } from './etcd-error.ts';
import { decode, encode } from './message.ts';
import { AUTHENTICATE, type Method } from './methods.ts';
import type { Tokens } from './tokens.ts';
import { type Attempt, callOnce } from './unary-call.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** A member that has not answered by then is left for the next one. */
const SLOW_MS = 1_000;

/** One more attempt takes this long at least: with less, a change that was surely not done would only become one that may have been. */
const MIN_ATTEMPT_MS = 50;

/** How long a call may take where its caller names no time. */
export const CALL_TIMEOUT_MS = 5_000;

export interface CallOptions {
  /** The whole time for it in ms, with all attempts. Default 5,000. */
  timeoutMs?: number;
  /** Gives it up: it rejects with the signal's reason, or with `UNSURE` if it was sent and may change something. */
  signal?: AbortSignal | undefined;
  /** Whether the process stays alive for the answer. Default true. */
  keepAlive?: boolean;
  /** Whether it may be sent again where the answer did not come. Default: for what only reads, and for leases. */
  isRepeatable?: boolean;
}

interface Asked {
  readonly method: Omit<Method<never, never>, 'request' | 'response'>;
  readonly message: Buffer;
  readonly restMs: () => number;
  readonly signal: AbortSignal | undefined;
  readonly keepAlive: boolean;
  readonly isRepeatable: boolean;
}

/** An attempt that did not succeed: the last one, or the one that may have been done. */
interface Failed {
  readonly at: Connection;
  readonly attempt: Attempt;
  readonly mayBeDone: boolean;
}

/** Calls procedures of etcd: on the next member where one fails, with a new token where the old one has expired. */
export class Caller {
  readonly #clock: Clock;
  readonly #channel: Channel;
  readonly #tokens: Tokens;

  constructor(clock: Clock, channel: Channel, tokens: Tokens) {
    this.#clock = clock;
    this.#channel = channel;
    this.#tokens = tokens;
  }

  /**
   * @throws {EtcdError} as its codes say
   * @throws the signal's reason
   */
  async call<Q, A>(method: Method<Q, A>, request: Q, options: CallOptions = {}): Promise<A> {
    const { timeoutMs = CALL_TIMEOUT_MS, signal, keepAlive = true, isRepeatable = method.isRepeatable } = options;
    const message = encode(method.request, request);
    const asked = { method, message, restMs: countdown(this.#clock, timeoutMs), signal, keepAlive, isRepeatable };
    const { at, answer } = await this.#answer(asked);
    try {
      return decode(method.response, answer);
    } catch (error) {
      throw this.#malformed(asked, at, error as Error);
    }
  }

  async #answer(asked: Asked): Promise<{ at: Connection; answer: Buffer }> {
    const { method, restMs } = asked;
    const backoff = new Backoff();
    let failed: Failed | null = null;
    let hasNewToken = method.path === AUTHENTICATE.path;
    for (let attempts = 1; ; attempts++) {
      const token = await this.#token(asked, failed);
      const connection = await this.#connection(asked, failed);
      const attempt = await this.#once(asked, connection, token);
      if (attempt.is === 'answered') return { at: connection, answer: attempt.message };
      const verdict = attempt.is === 'status' ? verdictOf(attempt.status) : null;
      if (verdict?.remedy === 'authenticate' && this.#tokens.hasUser && !hasNewToken) {
        hasNewToken = true;
        this.#tokens.drop(token);
        continue;
      }
      const mayBeDone = method.isChange && mayHaveBeenDone(attempt, verdict);
      this.#throwIfOver(asked, connection, attempt, verdict, mayBeDone);
      // Once it may have been done, no later attempt that fails makes it surely undone.
      if (!failed?.mayBeDone) failed = { at: connection, attempt, mayBeDone };
      this.#channel.leave(connection, new Error(reasonOf(attempt)));
      if (attempts % this.#channel.size === 0) await this.#pause(Math.min(backoff.next(), restMs()), asked);
    }
  }

  /** Resolves to the token; also, to none, when the time is over or the signal aborts: there is no connection then, either. */
  async #token(asked: Asked, failed: Failed | null): Promise<string | null> {
    const { method, restMs, signal, keepAlive } = asked;
    this.#throwIfAborted(asked, failed);
    const known = method.path === AUTHENTICATE.path ? null : this.#tokens.current();
    if (known !== undefined) return known;
    let failure: unknown;
    const fetched = this.#tokens.fetch().then(
      () => undefined,
      (error) => {
        failure = error;
      },
    );
    await byDeadline(fetched, Math.max(0, restMs()), signal, keepAlive);
    if (failure !== undefined) throw failed?.mayBeDone ? this.#unsure(asked, failed) : failure;
    return this.#tokens.current() ?? null;
  }

  async #connection(asked: Asked, failed: Failed | null): Promise<Connection> {
    const { method, restMs, signal, keepAlive } = asked;
    this.#throwIfAborted(asked, failed);
    const options = { timeoutMs: restMs(), keepAlive, signal };
    const isLate = options.timeoutMs <= (failed === null ? 0 : MIN_ATTEMPT_MS);
    const found = isLate ? null : (this.#channel.current() ?? (await this.#channel.connection(options)));
    this.#throwIfAborted(asked, failed);
    if (found !== null) return found;
    if (failed?.mayBeDone) throw this.#unsure(asked, failed);
    if (this.#channel.isClosed) throw closed(method.name);
    const why = failed === null ? this.#channel.describeFailures() : `${failed.at.name}: ${reasonOf(failed.attempt)}`;
    throw new EtcdError(
      'UNREACHABLE',
      `etcd ${method.name}: no member could do it in time${why === '' ? '' : ` (${why})`}. Nothing was done. Check that the members run and that the URL names them; then try again.`,
      { operation: method.name, cause: this.#channel.lastFailure() },
    );
  }

  #once({ method, message, ...asked }: Asked, connection: Connection, token: string | null): Promise<Attempt> {
    const timeoutMs = Math.max(1, asked.restMs());
    return callOnce(connection, {
      clock: this.#clock,
      path: method.path,
      message,
      token,
      needsLeader: method.needsLeader,
      timeoutMs,
      keepAlive: asked.keepAlive,
      signal: asked.signal,
      slowMs: SLOW_MS,
      endsIfSlow: asked.isRepeatable && this.#channel.hasOthers,
      // A change is not sent twice, so it goes on waiting; but what comes after it goes to another member.
      onSlow: () => this.#channel.leave(connection, new Error(`it has not answered within ${SLOW_MS} ms`)),
    });
  }

  /** Throws what the caller gets, unless another attempt may help and is safe. */
  #throwIfOver(asked: Asked, at: Connection, attempt: Attempt, verdict: Verdict | null, mayBeDone: boolean): void {
    const { method, isRepeatable, signal } = asked;
    if (attempt.is === 'malformed') throw this.#malformed(asked, at, attempt.reason);
    const isOver = !isRepeatable || attempt.is === 'aborted' || this.#channel.isClosed;
    if (mayBeDone && isOver) throw this.#unsure(asked, { at, attempt });
    if (attempt.is === 'aborted') throw signal?.reason;
    if (this.#channel.isClosed) throw closed(method.name);
    if (attempt.is === 'status' && (verdict?.remedy === 'none' || verdict?.remedy === 'authenticate'))
      throw refusal(method.name, at.name, attempt.status);
  }

  #throwIfAborted(asked: Asked, failed: Failed | null): void {
    if (asked.signal?.aborted) throw failed?.mayBeDone ? this.#unsure(asked, failed) : asked.signal.reason;
  }

  #unsure({ method, signal }: Asked, { at, attempt }: Pick<Failed, 'at' | 'attempt'>): EtcdError {
    const cause = attempt.is === 'aborted' ? signal?.reason : attempt.is === 'lost' ? attempt.reason : undefined;
    return new EtcdError(
      'UNSURE',
      `etcd ${method.name} at ${at.name}: it was sent, and ${reasonOf(attempt)}. It may have been done. Read what is there before doing it again.`,
      { operation: method.name, cause, ...(attempt.is === 'status' ? { status: attempt.status } : {}) },
    );
  }

  #malformed({ method }: Asked, at: Connection, reason: Error): EtcdError {
    return new EtcdError(
      method.isChange ? 'UNSURE' : 'MALFORMED',
      `etcd ${method.name} at ${at.name}: ${reason.message}. ${method.isChange ? 'It may have been done. ' : ''}Check that etcd's clients are served there, and which version of etcd it is.`,
      { operation: method.name, cause: reason },
    );
  }

  #pause(ms: number, { keepAlive, signal }: Asked): Promise<void> {
    const nothing = { pollMs: () => Number.POSITIVE_INFINITY, look: () => false, listen: () => () => undefined };
    return waitUntil({ clock: this.#clock, timeoutMs: ms, signal, keepAlive, ...nothing });
  }
}

function mayHaveBeenDone(attempt: Attempt, verdict: Verdict | null): boolean {
  return verdict?.mayBeDone ?? (attempt.is !== 'lost' || attempt.isSent);
}

function reasonOf(attempt: Attempt): string {
  switch (attempt.is) {
    case 'status':
      return describeStatus(attempt.status);
    case 'lost':
    case 'malformed':
      return attempt.reason.message;
    case 'aborted':
      return 'the caller gave it up';
    default:
      return 'it did not answer in time';
  }
}
