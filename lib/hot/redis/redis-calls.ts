import { createHash } from 'node:crypto';
import { MisuseError, StoreError } from '../../errors.ts';
import { bounded, CALL_MS, GaveUp, pause } from '../bounded.ts';
import { loadPackage } from '../peer-package.ts';
import { withoutSecret } from '../secret.ts';
import type { RedisAddress } from './redis-url.ts';

/** The part of ioredis' `Redis`, and of its `Cluster`, that is used. */
export interface RedisClient {
  readonly status: string;
  call(command: string, ...args: Array<string | number>): Promise<unknown>;
  connect(): Promise<void>;
  disconnect(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
}

interface IoredisModule {
  Redis: new (options: object) => RedisClient;
}

export interface RedisCallOptions {
  /** Of the whole call, in ms. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
  /** The operation that it is for, in messages: `take`. */
  operation: string;
  /** The count's name. */
  resource: string;
}

/** How long a server may take for one attempt; a call makes as many as its time allows. */
const ATTEMPT_MS = 2_000;
/** A machine that is busy takes seconds to connect: an attempt that is given up begins anew, and so never ends. */
const CONNECT_MS = 10_000;
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [10, 250];

/** Answers of a server that will soon be another one, or was just started. */
const TEMPORARY = /^(LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|UNBLOCKED) /;
const DENIED = /^(NOAUTH|WRONGPASS|NOPERM|ERR (invalid|Client sent AUTH))/;

/**
 * Calls on a Redis. A call whose answer is lost is sent again, until its time is over: all our scripts may be run twice.
 */
export class RedisCalls {
  readonly place: string;
  readonly #address: RedisAddress | null;
  #client: RedisClient | null;
  #isClosed = false;
  #lastError: Error | null = null;

  /** @param given an address, or the client of the caller, which stays the caller's */
  constructor(given: RedisAddress | RedisClient, place: string) {
    const isClient = 'call' in given;
    this.#client = isClient ? given : null;
    this.#address = isClient ? null : given;
    this.place = place;
  }

  /** Runs a script in one step. */
  async script(text: string, keys: readonly string[], args: Array<string | number>, options: RedisCallOptions) {
    const sha = createHash('sha1').update(text).digest('hex');
    return this.#repeat(options, async (client) => {
      try {
        return await client.call('EVALSHA', sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
        return client.call('EVAL', text, keys.length, ...keys, ...args);
      }
    });
  }

  /** Sends one command, which may be done twice. */
  command(words: readonly [string, ...Array<string | number>], options: RedisCallOptions): Promise<unknown> {
    const [name, ...args] = words;
    return this.#repeat(options, (client) => client.call(name, ...args));
  }

  close(): void {
    this.#isClosed = true;
    if (this.#address) this.#client?.disconnect();
    this.#client = this.#address ? null : this.#client;
  }

  async #repeat(options: RedisCallOptions, send: (client: RedisClient) => Promise<unknown>): Promise<unknown> {
    const { timeout = CALL_MS, signal } = options;
    // Loading the package takes its time, too.
    const client = await this.#opened(options);
    const deadline = performance.now() + timeout;
    let wasSent = false;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const restMs = Math.max(1, Math.min(ATTEMPT_MS, deadline - performance.now()));
      try {
        await this.#ready(client, restMs, signal);
        wasSent = true;
        return await bounded(
          () => send(client),
          { timeout: restMs, signal },
          () => undefined,
        );
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        this.#check(error as Error, options);
        if (performance.now() >= deadline) throw this.#unreachable(error as Error, options, { timeout, wasSent });
        await pause(pauseMs, signal);
      }
    }
  }

  async #opened({ operation, resource }: RedisCallOptions): Promise<RedisClient> {
    if (this.#isClosed) throw new MisuseError(`${resource}: cannot ${operation}: the hot side has been closed`);
    if (this.#client) return this.#client;
    const { Redis } = await loadPackage<IoredisModule>('ioredis');
    this.#client ??= this.#connected(Redis);
    return this.#client;
  }

  #connected(Redis: IoredisModule['Redis']): RedisClient {
    const { host, port, db, username, password, isTls } = this.#address as RedisAddress;
    const client = new Redis({
      ...{ host, port, db, username, password },
      ...(isTls ? { tls: {} } : {}),
      lazyConnect: true,
      connectTimeout: CONNECT_MS,
      // We repeat by ourselves, and know then what may have been done.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times: number) => Math.min(times * 20, LONGEST_PAUSE_MS),
    });
    client.on('error', (error: Error) => {
      this.#lastError = error;
    });
    client.on('ready', () => {
      this.#lastError = null;
    });
    return client;
  }

  async #ready(client: RedisClient, timeout: number, signal: AbortSignal | undefined): Promise<void> {
    if (client.status === 'ready') return;
    let stop = () => {};
    const ready = new Promise<void>((resolve, reject) => {
      const onError = (error: Error) => (isReply(error) ? reject(error) : undefined);
      client.on('ready', resolve);
      client.on('error', onError);
      stop = () => {
        client.off('ready', resolve);
        client.off('error', onError);
      };
    });
    // Its failure is an event, too.
    if (client.status === 'wait') client.connect().catch(() => undefined);
    try {
      await bounded(
        () => ready,
        { timeout, signal },
        () => undefined,
      );
    } finally {
      stop();
    }
  }

  /** @throws {StoreError} for an answer that would be the same again */
  #check(error: Error, { operation, resource }: RedisCallOptions): void {
    if (!isReply(error) || TEMPORARY.test(error.message)) return;
    const isDenied = DENIED.test(error.message);
    const remedy = isDenied
      ? 'Correct the user in the URL, or the password ($LOCKSTEP_REDIS_PASSWORD, or its file).'
      : 'Nothing was done. Correct what it names, then try again.';
    throw new StoreError(
      isDenied ? 'DENIED' : 'REFUSED',
      `${resource}: Redis at ${this.place} refused: ${this.#shown(error)}. ${remedy}`,
      { operation, resource, path: this.place },
    );
  }

  #unreachable(error: Error, options: RedisCallOptions, { timeout, wasSent }: { timeout: number; wasSent: boolean }) {
    const { operation, resource } = options;
    const cause = error instanceof GaveUp && this.#lastError ? this.#lastError : error;
    const [code, outcome] = wasSent
      ? ['UNSURE', 'It may have been done: the same id gets the same answer']
      : ['UNREACHABLE', 'Nothing was done. Check that it runs, and that the URL names it'];
    return new StoreError(
      code,
      `${resource}: no answer from Redis at ${this.place} within ${timeout} ms: ${this.#shown(cause)}. ${outcome}.`,
      { operation, resource, path: this.place, cause },
    );
  }

  #shown({ message }: Error): string {
    return withoutSecret(message, this.#address?.password).replace(/\.$/, '');
  }
}

function isReply(error: Error): boolean {
  return error.name === 'ReplyError';
}
