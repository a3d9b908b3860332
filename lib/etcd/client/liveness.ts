import type { Clock } from '../../time/clock.ts';

/** So long without a sign of the server, and it is asked for one: while a call waits, and while only streams are open. */
const QUIET_CALL_MS = 400;
const QUIET_STREAM_MS = 1_000;

/** How long it may take to answer. */
const ANSWER_MS = 450;
/** Then this process reads what has arrived once more: it may itself have been stopped, or busy. */
const GRACE_MS = 50;

/**
 * A server of gRPC disconnects a client that pings it more often than this three times, unless it has sent something in
 * between (etcd: `--grpc-keepalive-min-time`).
 */
const PING_INTERVAL_MS = 5_000;

export interface Probes {
  /** Pings, and calls back with the answer. */
  ping(onAnswer: () => void): void;
  /** Asks for what a server sends on a stream, if there is a stream to ask on. */
  ask(): void;
  /** The server is dead, or cannot be reached any more. */
  fail(reason: Error): void;
}

/**
 * Notices that a connected server has died without a word: it was stopped, or is cut off. It looks only while somebody waits
 * for the server, and only asks when nothing else has come from it.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #probes: Probes;
  #calls = 0;
  #streams = 0;
  #heardMs: number;
  #pingedMs = Number.NEGATIVE_INFINITY;
  /** When the server was asked for a sign; null if it is not. */
  #askedMs: number | null = null;
  #hasHeardSincePing = true;
  #dueMs = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => undefined;
  #isOver = false;

  constructor(clock: Clock, probes: Probes) {
    this.#clock = clock;
    this.#probes = probes;
    this.#heardMs = clock.monotonicMs();
  }

  /** Somebody waits: for one answer, or for whatever comes on a stream. */
  begin(isStream: boolean): void {
    if (this.#calls + this.#streams === 0) this.#heardMs = this.#clock.monotonicMs();
    if (isStream) this.#streams += 1;
    else this.#calls += 1;
    this.#arm(isStream ? QUIET_STREAM_MS : QUIET_CALL_MS);
  }

  end(isStream: boolean): void {
    if (isStream) this.#streams -= 1;
    else this.#calls -= 1;
  }

  /** Something came from the server. */
  heard(): void {
    this.#heardMs = this.#clock.monotonicMs();
    this.#askedMs = null;
    this.#hasHeardSincePing = true;
  }

  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }

  /** Looks after `ms`, or earlier if it was to look earlier. */
  #arm(ms: number): void {
    const due = this.#clock.monotonicMs() + ms;
    if (this.#isOver || due >= this.#dueMs) return;
    this.#cancel();
    this.#dueMs = due;
    this.#cancel = this.#clock.timer(ms, false, () => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#look();
    });
  }

  #look(): void {
    if (this.#calls + this.#streams === 0) this.#askedMs = null;
    else if (this.#askedMs === null) this.#listen();
    else this.#await(this.#askedMs);
  }

  /** Asks for a sign if there has been none for long enough. */
  #listen(): void {
    const now = this.#clock.monotonicMs();
    const quietMs = this.#calls > 0 ? QUIET_CALL_MS : QUIET_STREAM_MS;
    const rest = this.#heardMs + quietMs - now;
    if (rest > 0) this.#arm(rest);
    else this.#arm(this.#probe(now) ? ANSWER_MS : quietMs);
  }

  /** Waits for the sign that was asked for. */
  #await(askedMs: number): void {
    const rest = askedMs + ANSWER_MS - this.#clock.monotonicMs();
    if (rest > 0) this.#arm(rest);
    else this.#doubt();
  }

  /** Asks for a sign; false if the server would take one more ping amiss. */
  #probe(now: number): boolean {
    if (this.#streams > 0) this.#probes.ask();
    if (!this.#hasHeardSincePing && now - this.#pingedMs < PING_INTERVAL_MS) return false;
    this.#hasHeardSincePing = false;
    this.#pingedMs = now;
    this.#askedMs = now;
    this.#probes.ping(() => {
      this.#heardMs = this.#clock.monotonicMs();
      this.#askedMs = null;
    });
    return true;
  }

  #doubt(): void {
    // No earlier look takes the place of this one.
    this.#dueMs = Number.NEGATIVE_INFINITY;
    this.#cancel = this.#clock.timer(GRACE_MS, false, () => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      if (this.#askedMs === null) this.#look();
      else this.#probes.fail(new Error(`it has not answered a ping for ${ANSWER_MS + GRACE_MS} ms`));
    });
  }
}
