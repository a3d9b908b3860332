import { randomUUID } from 'node:crypto';
import { LogFullError, MisuseError } from '../../errors.ts';
import type { EndSignal } from '../../node-types.ts';
import { encodeName } from '../../store/name.ts';
import { dataLost, nothingLoaded } from '../back-rules.ts';
import type { HotSide, HotStatus, KnownSale, LoggedSale, Sale, TakeOptions } from '../hot-side.ts';
import { type RedisCallOptions, RedisCalls, type RedisClient } from './redis-calls.ts';
import { redisRisks } from './redis-check.ts';
import { parseRedisUrl } from './redis-url.ts';
import { HALT, LOAD, REBUILD, REMEMBER, STATUS, TAKE, TRIM } from './scripts.ts';

/** How many sales are made known in one step: a script blocks the server. */
const REMEMBERED_AT_ONCE = 500;

/** How the keys begin, for a client of the caller's. */
export interface RedisHotSideOptions {
  /** Default: `lockstep`. A URL has it itself (`?prefix=`). */
  prefix?: string;
}

/**
 * A `RedisHotSide` keeps a hot count on Redis: a sale is one step of one script there, with its floor, its id and its entry in the log.
 *
 * Use it for a count that is sold on several machines, or faster than a disk. It needs the package `ioredis`, which is loaded at the
 * first call. A sale that Redis confirms outlives its crash only as its `appendfsync` says: `check` reports what could be lost.
 *
 * A call has 10 s, unless it is given another `timeout`. Within them an answer that is lost is asked for again: the same id gets
 * the same answer.
 *
 * @example
 * import { RedisHotSide } from 'lockstep/hot';
 * const hot = new RedisHotSide('show-7', 'redis://127.0.0.1:6379');
 * console.log(hot.place); // prints redis://127.0.0.1:6379
 * await hot.close();
 */
export class RedisHotSide implements HotSide {
  /** The name of the count. */
  readonly name: string;
  readonly #calls: RedisCalls;
  readonly #keys: readonly string[];
  /** The last generation and sequence that this process got from Redis. Where they are gone, Redis has lost data. */
  #known = { generation: '', sequence: 0 };

  /**
   * @param redis `redis://USER@HOST:6379/0?prefix=shop`, or a client of ioredis, which `close` leaves open
   * @throws {MisuseError} that states what is wrong with the URL or the name
   */
  constructor(name: string, redis: string | RedisClient, options: RedisHotSideOptions = {}) {
    const address = typeof redis === 'string' ? parseRedisUrl(redis) : null;
    this.name = name;
    const tag = `{${address?.prefix ?? options.prefix ?? 'lockstep'}/${encodeName(name)}}`;
    this.#keys = [`${tag}:state`, `${tag}:ids`, `${tag}:log`];
    this.#calls = new RedisCalls(address ?? (redis as RedisClient), address?.place ?? 'the given Redis');
  }

  /** For messages, without secrets. */
  get place(): string {
    return this.#calls.place;
  }

  /** Adds to what can be sold; the same id adds once. @throws {MisuseError} (rejects) for the same id with another number */
  async load(n: number, id: string, signal?: EndSignal): Promise<number> {
    const [word, a, b] = await this.#run(LOAD, [n, id, randomUUID()], this.#call('load', { signal }));
    if (word === 'halted') throw this.#halted(a);
    if (word === 'beyond')
      throw new MisuseError(
        `${this.name}: loading ${n} would take it beyond what a number holds exactly. Nothing was loaded.`,
      );
    if (word === 'known' && Number(a) !== n) throw this.#anotherNumber('load', id, n, a);
    return Number(word === 'known' ? b : a);
  }

  /** Sells: null if it would go below the floor. @throws {LogFullError} (rejects) if the log is full. More in `HotSide` */
  async take(n: number, id: string, { floor, bound, ...rest }: TakeOptions): Promise<Sale | null> {
    const { generation: knew, sequence } = this.#known;
    const [word, generation = '', a = '', b = ''] = await this.#run(
      TAKE,
      [n, id, floor, bound, knew, sequence],
      this.#call('take', rest),
    );
    if (word === 'halted') throw this.#halted(a);
    if (word === 'absent' && knew === '') throw nothingLoaded(this.name, this.place);
    if (word === 'absent' || word === 'lost') throw dataLost(this.name, this.place, `the hot data ${knew} is gone`);
    this.#learn(generation);
    if (word === 'full') throw new LogFullError(this.name, bound);
    if (word === 'soldout') return null;
    const sale = word === 'sold' ? { sequence: Number(a), left: Number(b) } : this.#knownSale(a, n, id);
    this.#learn(generation, sale.sequence);
    return sale;
  }

  /** Resolves to the sales after a sequence that are still logged, oldest first. */
  async sales(after: number, limit: number): Promise<LoggedSale[]> {
    const words = ['XRANGE', this.#keys[2] ?? '', `${after + 1}-0`, '+', 'COUNT', limit] as const;
    const entries = (await this.#calls.command(words, this.#call('read the log'))) as Array<[string, string[]]>;
    return entries.map(([at, fields]) => loggedSale(at, fields));
  }

  /** Drops what is logged up to a sequence; ids stay remembered. */
  async trim(upTo: number): Promise<void> {
    // Of older data the sales that it has would be others' by now, and not written.
    const [word, why] = await this.#run(TRIM, [upTo], this.#call('trim the log'));
    if (word === 'halted') throw this.#halted(why);
  }

  /** Resolves to all of one moment. */
  async status(signal?: EndSignal): Promise<HotStatus> {
    const answer = await this.#run(STATUS, [], this.#call('read the state', { signal }));
    const [word, generation = null, left, loaded, sequence, trimmed, logged, halted] = answer;
    if (word === 'absent') return { left: 0, loaded: 0, lastSequence: 0, trimmedTo: 0, logged: 0, generation: null };
    return {
      left: Number(left),
      loaded: Number(loaded),
      lastSequence: Number(sequence),
      trimmedTo: Number(trimmed),
      logged: Number(logged),
      generation,
      ...(halted ? { halted } : {}),
    };
  }

  /** Sets it anew from what a database says. @throws {MisuseError} (rejects) if it has sales that the database does not */
  async rebuild(state: { left: number; loaded: number; sequence: number; previous?: string }): Promise<void> {
    const { left, loaded, sequence, previous = '' } = state;
    const args = [left, loaded, sequence, randomUUID(), previous];
    const [word, last] = await this.#run(REBUILD, args, this.#call('rebuild'));
    if (word === 'ahead')
      throw new MisuseError(
        `${this.name}: ${this.place} has sales up to ${last}, and would be rebuilt from those up to ${sequence}. Write them back first.`,
      );
  }

  /** Refuses takes, and says why, until a rebuild. */
  async halt(why: string): Promise<void> {
    await this.#run(HALT, [why], this.#call('halt'));
  }

  /** Makes ids known again after a rebuild. */
  async remember(sales: readonly KnownSale[]): Promise<void> {
    for (let at = 0; at < sales.length; at += REMEMBERED_AT_ONCE) {
      const args = sales
        .slice(at, at + REMEMBERED_AT_ONCE)
        .flatMap(({ id, n, sequence, left }) => [id, n, sequence, left]);
      await this.#run(REMEMBER, args, this.#call('rebuild'));
    }
  }

  /**
   * Resolves to what could lose confirmed sales on this Redis, in words: no log on its disk, a log that is synced later, keys that are
   * evicted. Empty if nothing could.
   *
   * @throws as `take`
   */
  async check(): Promise<string[]> {
    return redisRisks((words) => this.#calls.command(words, this.#call('check')));
  }

  /** Ends its connection; the store, or a client that was given, stays open. */
  async close(): Promise<void> {
    this.#calls.close();
  }

  /** Answers may come in another order than they were given. */
  #learn(generation: string, sequence = 0): void {
    const isKnown = generation === this.#known.generation;
    this.#known = { generation, sequence: isKnown ? Math.max(this.#known.sequence, sequence) : sequence };
  }

  #call(operation: string, given: Pick<RedisCallOptions, 'signal' | 'timeout'> = {}): RedisCallOptions {
    return { operation, resource: this.name, ...given };
  }

  async #run(script: string, args: Array<string | number>, options: RedisCallOptions): Promise<string[]> {
    const answer = await this.#calls.script(script, this.#keys, args, options);
    return [answer].flat().map(String);
  }

  #knownSale(known: string, n: number, id: string): Sale {
    const [ofSale, sequence, left] = known.split(' ');
    if (Number(ofSale) !== n) throw this.#anotherNumber('take', id, n, ofSale);
    return { sequence: Number(sequence), left: Number(left) };
  }

  #anotherNumber(operation: string, id: string, n: number, before: string | undefined): MisuseError {
    return new MisuseError(
      `${this.name}: the id ${JSON.stringify(id)} was used before to ${operation} ${before}, and now ${n}. Give each ${operation} an id of its own.`,
    );
  }

  #halted(why = ''): Error {
    return dataLost(this.name, this.place, why);
  }
}

function loggedSale(at: string, fields: readonly string[]): LoggedSale {
  const of = new Map(fields.flatMap((field, index) => (index % 2 === 0 ? [[field, fields[index + 1]] as const] : [])));
  return {
    sequence: Number(at.split('-')[0]),
    id: String(of.get('id')),
    n: Number(of.get('n')),
    left: Number(of.get('left')),
    at: Number(of.get('at')),
  };
}
