import type { Clock } from '../../time/clock.ts';
import type { EtcdClient } from '../client/etcd-client.ts';

/**
 * The number that is added to revisions to make tickets and tokens: the µs since 1970 at the first use of the store. So
 * tokens go on growing when a store moves here from a disk, whose tickets are times, too.
 */
export class TicketBase {
  readonly #client: EtcdClient;
  readonly #key: string;
  readonly #clock: Clock;
  #known: number | null = null;
  #reading: Promise<number> | null = null;

  constructor(client: EtcdClient, key: string, clock: Clock) {
    this.#client = client;
    this.#key = key;
    this.#clock = clock;
  }

  /** Null before it was read. */
  get current(): number | null {
    return this.#known;
  }

  /** @throws {EtcdError} */
  get(): number | Promise<number> {
    if (this.#known !== null) return this.#known;
    this.#reading ??= this.#read();
    return this.#reading;
  }

  async #read(): Promise<number> {
    try {
      const key = this.#key;
      const own = Math.floor(this.#clock.wallMicros());
      // Repeatable: the second time it reads what the first has put.
      const { succeeded, responses } = await this.#client.txn(
        {
          compare: [{ key, result: 'equal', target: 'version', version: 0 }],
          success: [{ put: { key, value: String(own) } }],
          failure: [{ range: { key } }],
        },
        { isRepeatable: true },
      );
      const base = succeeded ? own : Number(responses[0]?.range?.kvs[0]?.value.toString());
      if (!Number.isSafeInteger(base)) throw new RangeError(`the key ${key} has no number`);
      this.#known = base;
      return base;
    } finally {
      this.#reading = null;
    }
  }
}
