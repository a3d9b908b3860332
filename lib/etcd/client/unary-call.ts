import { onAbort } from '../../time/abort-listener.ts';
import type { Clock } from '../../time/clock.ts';
import type { Connection } from './connection.ts';
import type { GrpcStatus } from './grpc-status.ts';
import type { GrpcStream, StreamEnd } from './grpc-stream.ts';

/** The result of one attempt on one connection. */
export type Attempt =
  | { readonly is: 'answered'; readonly message: Buffer }
  | { readonly is: 'status'; readonly status: GrpcStatus }
  | { readonly is: 'lost'; readonly isSent: boolean; readonly reason: Error }
  | { readonly is: 'malformed'; readonly reason: Error }
  | { readonly is: 'late' }
  | { readonly is: 'aborted' };

export interface UnaryOptions {
  readonly clock: Clock;
  readonly path: string;
  readonly message: Buffer;
  readonly token: string | null;
  readonly needsLeader: boolean;
  /** How long to wait for the answer, here and at the server. */
  readonly timeoutMs: number;
  readonly keepAlive: boolean;
  readonly signal: AbortSignal | undefined;
  /** If no answer has begun to arrive after `slowMs`: called once, and whether the attempt ends then. */
  readonly slowMs: number;
  readonly endsIfSlow: boolean;
  readonly onSlow: () => void;
}

/** Sends one request, and resolves to what became of it. Never rejects, and leaves no timer and no listener behind. */
export function callOnce(connection: Connection, options: UnaryOptions): Promise<Attempt> {
  return new Promise((resolve) => new UnaryCall(connection, options, resolve));
}

class UnaryCall {
  readonly #options: UnaryOptions;
  readonly #stream: GrpcStream;
  readonly #stopListening: () => void;
  #cancelTimer: () => void = () => undefined;
  #resolve: ((attempt: Attempt) => void) | null;
  #message: Buffer | null = null;
  #isTwice = false;

  constructor(connection: Connection, options: UnaryOptions, resolve: (attempt: Attempt) => void) {
    this.#options = options;
    this.#resolve = resolve;
    const { timeoutMs, slowMs } = options;
    if (slowMs < timeoutMs) this.#timer(slowMs, () => this.#slow());
    else this.#timer(timeoutMs, () => this.#give({ is: 'late' }));
    this.#stopListening = onAbort(options.signal, () => this.#give({ is: 'aborted' }));
    this.#stream = connection.start({
      path: options.path,
      token: options.token,
      needsLeader: options.needsLeader,
      timeoutMs,
      isLong: false,
      listener: {
        onMessage: (message) => {
          this.#isTwice = this.#message !== null;
          this.#message = message;
        },
        onEnd: (end) => this.#end(this.#attemptOf(end)),
      },
    });
    this.#stream.sendLast(options.message);
  }

  #attemptOf(end: StreamEnd): Attempt {
    if (end.is !== 'status' || end.status.code !== 0) return end;
    if (this.#message !== null && !this.#isTwice) return { is: 'answered', message: this.#message };
    return {
      is: 'malformed',
      reason: new Error(`it sent ${this.#isTwice ? 'two answers' : 'no answer'} to one request`),
    };
  }

  #slow(): void {
    const { timeoutMs, slowMs, endsIfSlow, onSlow } = this.#options;
    const isSlow = !this.#stream.hasBegun;
    if (isSlow && endsIfSlow) this.#give({ is: 'late' });
    else this.#timer(timeoutMs - slowMs, () => this.#give({ is: 'late' }));
    if (isSlow) onSlow();
  }

  /**
   * Calls back after `ms`. If this process was busy or stopped, the answer may be there, unread: the timer comes first, and
   * what has arrived is read before `setImmediate`.
   */
  #timer(ms: number, callback: () => void): void {
    this.#cancelTimer = this.#options.clock.timer(ms, this.#options.keepAlive, () => {
      setImmediate(() => {
        if (this.#resolve !== null) callback();
      });
    });
  }

  /** Gives the call up from this side. */
  #give(attempt: Attempt): void {
    this.#end(attempt);
    this.#stream.cancel(new Error('the call was given up'));
  }

  #end(attempt: Attempt): void {
    const resolve = this.#resolve;
    if (resolve === null) return;
    this.#resolve = null;
    this.#cancelTimer();
    this.#stopListening?.();
    resolve(attempt);
  }
}
