import { stopwatch } from '../../time/stopwatch.ts';
import { EtcdError } from './etcd-error.ts';
import { LEASE_KEEP_ALIVE_REQUEST, LEASE_KEEP_ALIVE_RESPONSE, type LeaseKeepAliveResponse } from './lease-messages.ts';
import { LongStream, type StreamParts } from './long-stream.ts';
import { decode, encode } from './message.ts';

const METHOD = { name: 'lease keep-alive', path: '/etcdserverpb.Lease/LeaseKeepAlive' };

/** A member that has not answered by then is left for the next one. */
const ANSWER_MS = 1_000;

/** The part of the lease's time after which it counts as lost: the rest is for clocks that run at different rates, and for the signal to be acted on. */
const SAFE_PART = 0.9;

/** How often it is kept alive: ten times in its time, within these bounds. */
const INTERVAL_PART = 0.1;
const MIN_INTERVAL_MS = 1_000;
const MAX_INTERVAL_MS = 2_000;

export interface LeaseFacts {
  readonly id: bigint;
  /** The time that the server granted. */
  readonly ttlMs: number;
  /** How long ago the request was sent, in ms that include suspension. */
  readonly sinceSent: () => number;
  /** The ms since boot, including suspension. */
  readonly bootMs: () => number;
}

/**
 * Keeps one lease alive, and knows how long it surely lives: until 0.9 of its time after the last request that was answered
 * had been *sent*. `lost` aborts then, before the server can end the lease; a later answer cannot revive it.
 *
 * It does not keep the process alive. A machine that was suspended learns of the loss when it wakes; so look at `isAlive`
 * before each use.
 */
export class LeaseKeeper {
  readonly id: bigint;
  readonly #parts: StreamParts;
  readonly #bootMs: () => number;
  readonly #loss = new AbortController();
  readonly #stream: LongStream;
  readonly #intervalMs: number;
  #ttlMs: number;
  /** The ms since the last request was sent that was answered. */
  #sinceSent: () => number;
  /** The same for the requests on this stream that are not answered yet, the oldest first. */
  #unanswered: Array<() => number> = [];
  #cancelTimer: () => void = () => undefined;
  #cancelAnswerTimer: () => void = () => undefined;
  /** Why it cannot be kept alive any more. */
  #failure: EtcdError | undefined;
  #isStopped = false;

  constructor(parts: StreamParts, facts: LeaseFacts) {
    this.#parts = parts;
    this.id = facts.id;
    this.#ttlMs = facts.ttlMs;
    this.#sinceSent = facts.sinceSent;
    this.#bootMs = facts.bootMs;
    this.#intervalMs = Math.min(Math.max(facts.ttlMs * INTERVAL_PART, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
    this.#stream = new LongStream(parts, METHOD, {
      onOpen: () => this.#send(),
      onMessage: (message) => this.#take(message),
      onInterrupted: () => this.#forgetRequests(),
      onFinal: (error) => {
        this.#failure = error;
        this.stop();
      },
      ask: () => undefined,
    });
    this.#stream.open();
    this.#schedule();
  }

  /** Aborts before the lease can end. Its reason is an `EtcdError` with the code `EXPIRED`. */
  get lost(): AbortSignal {
    return this.#loss.signal;
  }

  /** The time that the server granted last. */
  get ttlMs(): number {
    return this.#ttlMs;
  }

  /** The ms for which the lease surely lives; 0 if that is not known. */
  remainingMs(): number {
    return this.#loss.signal.aborted ? 0 : Math.max(0, this.#ttlMs * SAFE_PART - this.#sinceSent());
  }

  /** The ms after which the server may end it, also when it is lost here. 0 if it has ended, or may have. */
  endsInMs(): number {
    return Math.max(0, this.#ttlMs - this.#sinceSent());
  }

  /** Whether the lease surely lives at this moment, by the clock. */
  get isAlive(): boolean {
    return this.remainingMs() > 0;
  }

  /** Keeps it alive no longer. It ends by itself, unless it is revoked; `lost` still aborts before that. */
  stop(): void {
    this.#isStopped = true;
    this.#stream.stop();
    this.#forgetRequests();
  }

  #send(): void {
    if (this.#isStopped || !this.#isStillAlive()) return;
    this.#unanswered.push(stopwatch(this.#parts.clock, this.#bootMs));
    this.#stream.send(encode(LEASE_KEEP_ALIVE_REQUEST, { id: this.id }));
    this.#cancelAnswerTimer();
    this.#cancelAnswerTimer = this.#parts.clock.timer(ANSWER_MS, false, () => setImmediate(() => this.#doubt()));
  }

  #forgetRequests(): void {
    this.#unanswered = [];
    this.#cancelAnswerTimer();
  }

  #take(message: Buffer): void {
    const response = this.#decoded(message);
    // Answers come in the order of the requests.
    const sinceSent = this.#unanswered.shift();
    if (response?.id !== this.id || sinceSent === undefined || !this.#isStillAlive()) return;
    this.#stream.served();
    if (this.#unanswered.length === 0) this.#cancelAnswerTimer();
    this.#sinceSent = sinceSent;
    this.#ttlMs = response.ttl * 1_000;
    if (response.ttl <= 0) this.#lose('the server has ended it');
  }

  /** Null, and another member is asked, if it is no answer. */
  #decoded(message: Buffer): LeaseKeepAliveResponse | null {
    try {
      return decode(LEASE_KEEP_ALIVE_RESPONSE, message);
    } catch (error) {
      this.#stream.move(error as Error);
      return null;
    }
  }

  /** Waits for the next request, or for the end of the lease's time if that comes first. */
  #schedule(dueMs = this.#intervalMs): void {
    const ms = Math.min(dueMs, this.remainingMs());
    this.#cancelTimer = this.#parts.clock.timer(ms, false, () => {
      if (!this.#isStillAlive()) return;
      if (ms < dueMs) return this.#schedule(dueMs - ms);
      if (this.#unanswered.length === 0) this.#send();
      this.#schedule();
    });
  }

  /** Called after what has arrived was read: this process may itself have been stopped, or busy. */
  #doubt(): void {
    if (this.#unanswered.length === 0 || this.#isStopped) return;
    this.#stream.move(new Error(`it has not answered a keep-alive within ${ANSWER_MS} ms`));
  }

  #isStillAlive(): boolean {
    if (this.isAlive) return true;
    this.#lose(this.#failure?.message ?? 'it has not been kept alive in time');
    return false;
  }

  #lose(why: string): void {
    if (this.#loss.signal.aborted) return;
    this.#cancelTimer();
    this.stop();
    this.#loss.abort(
      new EtcdError(
        'EXPIRED',
        `etcd lease ${this.id.toString(16)}: it is lost: ${why}. Stop the work that it protects.`,
        { operation: METHOD.name, cause: this.#failure },
      ),
    );
  }
}
