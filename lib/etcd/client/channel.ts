import { onAbort } from '../../time/abort-listener.ts';
import type { Clock } from '../../time/clock.ts';
import { Backoff } from './backoff.ts';
import type { Connection } from './connection.ts';
import { type Endpoint, endpointName } from './endpoint.ts';

export interface ChannelOptions {
  readonly clock: Clock;
  readonly endpoints: readonly Endpoint[];
  readonly connect: (endpoint: Endpoint) => Promise<Connection>;
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly keepAlive: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  settle(connection: Connection | null): void;
}

/**
 * The one connection that everything uses, to whichever member answers. If it fails the next member is tried at once, and
 * after a round of failures there is a pause. It connects only while somebody waits for a connection.
 */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #backoff = new Backoff();
  readonly #waiters = new Set<Waiter>();
  /** Why each member could not be used at the last attempt. */
  readonly #failures = new Map<string, Error>();
  /** The current one, and those that were left, while calls wait on them. */
  readonly #connections = new Set<Connection>();
  #current: Connection | null = null;
  /** The place in the list of the member that comes next. */
  #next = 0;
  #isConnecting = false;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether there is another member to go to. */
  get hasOthers(): boolean {
    return this.#options.endpoints.length > 1;
  }

  /** How many members there are. */
  get size(): number {
    return this.#options.endpoints.length;
  }

  /** The connection, if there is one now. */
  current(): Connection | null {
    if (this.#current?.isUsable) return this.#current;
    this.#current = null;
    return null;
  }

  /** Resolves to a connection; to null when the time is over, the signal aborts, or the channel is closed. */
  connection({ timeoutMs, keepAlive, signal }: ConnectOptions): Promise<Connection | null> {
    const current = this.current();
    if (current !== null || this.#isClosed || timeoutMs <= 0 || signal?.aborted) return Promise.resolve(current);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        settle: (connection) => {
          cancelTimer();
          stopListening();
          this.#waiters.delete(waiter);
          resolve(connection);
        },
      };
      const cancelTimer = this.#options.clock.timer(timeoutMs, keepAlive, () => waiter.settle(null));
      const stopListening = onAbort(signal, () => waiter.settle(null));
      this.#waiters.add(waiter);
      if (!this.#isConnecting) void this.#connect();
    });
  }

  /** Why no member could be used, in one clause: `h1:2379: connection refused; h2:2379: …`. */
  describeFailures(): string {
    return [...this.#failures].map(([name, error]) => `${name}: ${error.message}`).join('; ');
  }

  /** The last failure, as a cause. */
  lastFailure(): Error | undefined {
    return [...this.#failures.values()].at(-1);
  }

  /** Leaves a member that does not do its work, if there is another one. Calls that wait for its answer still get it. */
  leave(connection: Connection, reason: Error): void {
    if (!this.hasOthers) return;
    this.#failures.set(connection.name, reason);
    if (this.#current === connection) this.#current = null;
    connection.drain(reason);
  }

  close(reason: Error): void {
    this.#isClosed = true;
    for (const waiter of [...this.#waiters]) waiter.settle(null);
    for (const connection of this.#connections) connection.fail(reason);
    this.#current = null;
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true;
    while (this.#waiters.size > 0 && !this.#isClosed) {
      const connection = await this.#round();
      if (connection !== null) this.#take(connection);
      else await this.#pause();
    }
    this.#isConnecting = false;
  }

  /** Tries each member once; null if none can be used. */
  async #round(): Promise<Connection | null> {
    for (let tried = 0; tried < this.size && this.#waiters.size > 0 && !this.#isClosed; tried++) {
      const endpoint = this.#options.endpoints[this.#next % this.size] as Endpoint;
      this.#next = (this.#next + 1) % this.size;
      const name = endpointName(endpoint);
      try {
        const connection = await this.#options.connect(endpoint);
        this.#failures.delete(name);
        return connection;
      } catch (error) {
        this.#failures.delete(name);
        this.#failures.set(name, error as Error);
      }
    }
    return null;
  }

  #take(connection: Connection): void {
    if (this.#isClosed) {
      connection.fail(new Error('the client was closed'));
      return;
    }
    this.#current = connection;
    for (const other of this.#connections) if (other.isOver) this.#connections.delete(other);
    this.#connections.add(connection);
    this.#backoff.reset();
    for (const waiter of [...this.#waiters]) waiter.settle(connection);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.timer(this.#backoff.next(), false, resolve);
    });
  }
}
