import type { Clock } from '../../time/clock.ts';
import { Backoff } from './backoff.ts';
import type { Channel } from './channel.ts';
import type { Connection } from './connection.ts';
import { closed, describeStatus, EtcdError, malformed, refusal } from './etcd-error.ts';
import type { GrpcStatus } from './grpc-status.ts';
import type { GrpcStream, StreamEnd } from './grpc-stream.ts';
import type { Tokens } from './tokens.ts';
import { verdictOf } from './verdict.ts';

/** The parts that calls and streams of one client share. */
export interface StreamParts {
  readonly clock: Clock;
  readonly channel: Channel;
  readonly tokens: Tokens;
}

export interface LongStreamListener {
  /** It is open, for the first time or again: send what it begins with. */
  onOpen(): void;
  onMessage(message: Buffer): void;
  /** It broke off, and opens again. */
  onInterrupted(reason: Error): void;
  /** It cannot go on. Called once, and nothing after it. */
  onFinal(error: EtcdError): void;
  /** Asks the server for a sign of life on this stream. */
  ask(): void;
}

/**
 * A stream that is kept open: on the next member where one fails, with a new token where the old one has expired. It does
 * not keep the process alive.
 */
export class LongStream {
  readonly #parts: StreamParts;
  readonly #method: { readonly name: string; readonly path: string };
  readonly #listener: LongStreamListener;
  readonly #backoff = new Backoff();
  /** An event of an earlier opening that comes late has another number, and is ignored. */
  #opening = 0;
  #connection: Connection | null = null;
  #stream: GrpcStream | null = null;
  /** Whether the server has served it since it was last interrupted. */
  #isServed = true;
  #hasNewToken = false;
  #token: string | null = null;
  #isOver = false;

  constructor(parts: StreamParts, method: { name: string; path: string }, listener: LongStreamListener) {
    this.#parts = parts;
    this.#method = method;
    this.#listener = listener;
  }

  /** Call it once. */
  open(): void {
    void this.#open(this.#opening);
  }

  /** The member that serves it. */
  get at(): string {
    return this.#connection?.name ?? 'no member';
  }

  send(message: Uint8Array): void {
    this.#stream?.send(message);
  }

  /** The server serves it: should it break off now, it is opened again at once. */
  served(): void {
    this.#isServed = true;
    this.#hasNewToken = false;
    this.#backoff.reset();
  }

  /** Opens it again, on another member if there is one. */
  move(reason: Error): void {
    const opening = this.#opening;
    if (this.#connection !== null) this.#parts.channel.leave(this.#connection, reason);
    // Leaving the member has opened it again already, unless there is no other one.
    if (this.#opening === opening) this.reopen(reason);
  }

  /** Opens it again: at once, or after a pause if it has not been served since the last time. */
  reopen(reason: Error): void {
    if (this.#isOver) return;
    this.#abandon(reason);
    this.#listener.onInterrupted(reason);
    this.#openLater();
  }

  /** The server does not accept the token: opens it again with a new one. False if the one that it does not accept was new. */
  renewToken(reason: Error): boolean {
    if (!this.#parts.tokens.hasUser || this.#hasNewToken) return false;
    this.#hasNewToken = true;
    this.#parts.tokens.drop(this.#token);
    this.reopen(reason);
    return true;
  }

  /** Ends it for good. Nothing is called any more. */
  stop(): void {
    this.#isOver = true;
    this.#abandon(new Error('it is over'));
  }

  #abandon(reason: Error): void {
    this.#opening += 1;
    const stream = this.#stream;
    this.#stream = null;
    this.#connection = null;
    stream?.cancel(reason);
  }

  #openLater(): void {
    const opening = this.#opening;
    const pauseMs = this.#isServed ? 0 : this.#backoff.next();
    this.#isServed = false;
    this.#parts.clock.timer(pauseMs, false, () => void this.#open(opening));
  }

  async #open(opening: number): Promise<void> {
    const { tokens, channel } = this.#parts;
    const isStale = () => this.#isOver || this.#opening !== opening;
    if (isStale()) return;
    try {
      const known = tokens.current();
      const token = known === undefined ? await tokens.fetch() : known;
      const connection =
        channel.current() ?? (await channel.connection({ timeoutMs: Number.POSITIVE_INFINITY, keepAlive: false }));
      if (isStale()) return;
      if (connection === null) return this.#finish(closed(this.#method.name));
      this.#start(opening, connection, token);
    } catch (error) {
      if (!isStale()) this.#failedToOpen(error);
    }
  }

  /** No token could be fetched. */
  #failedToOpen(error: unknown): void {
    if (error instanceof EtcdError && error.code !== 'UNREACHABLE') this.#finish(error);
    else this.reopen(error as Error);
  }

  #start(opening: number, connection: Connection, token: string | null): void {
    const isStale = () => this.#isOver || this.#opening !== opening;
    this.#connection = connection;
    this.#token = token;
    this.#stream = connection.start({
      path: this.#method.path,
      token,
      needsLeader: true,
      isLong: true,
      ask: () => {
        if (!isStale()) this.#listener.ask();
      },
      listener: {
        onMessage: (message) => {
          if (!isStale()) this.#listener.onMessage(message);
        },
        onEnd: (end) => {
          if (!isStale()) this.#ended(end);
        },
      },
    });
    if (!isStale()) this.#listener.onOpen();
  }

  #ended(end: StreamEnd): void {
    if (end.is === 'status') this.refused(end.status);
    else if (end.is === 'lost') this.reopen(end.reason);
    else this.#finish(malformed(this.#method.name, this.at, end.reason));
  }

  /** The server does not serve it (any more): goes on where that may help. */
  refused(status: GrpcStatus): void {
    const { remedy } = verdictOf(status);
    const reason = new Error(describeStatus(status));
    if (remedy === 'authenticate' && this.renewToken(reason)) return;
    if (remedy === 'elsewhere') this.move(reason);
    else if (remedy === 'later' || status.code === 0) this.reopen(reason);
    else this.#finish(refusal(this.#method.name, this.at, status));
  }

  #finish(error: EtcdError): void {
    if (this.#isOver) return;
    this.stop();
    this.#listener.onFinal(error);
  }
}
