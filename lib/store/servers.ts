/** The state of one server of a store, by its own answer. */
export interface ServerReading {
  /** Its host and port, as the store's URL names it. */
  readonly at: string;
  /** Why it does not answer, in words; null: it does, and the rest is known. */
  readonly failure: string | null;
  readonly version: string;
  /** How long the answer took. */
  readonly tookMs: number;
  readonly hasLeader: boolean;
  readonly isLeader: boolean;
  /** Alarms, in the server's own words. */
  readonly alarms: readonly string[];
  readonly databaseBytes: number;
  /** The part of it that is in use; the rest can be got back by a defragmentation. */
  readonly usedBytes: number;
}

/** The keys that a store on servers has beside its lines. */
export interface StoreKeysReading {
  /** Keys that were to end with a lease, and have none: they never end. */
  readonly leftovers: readonly string[];
  /** Entries that no lease ends. */
  readonly endless: readonly string[];
  /** The number that makes tickets of revisions; null before the first use. */
  readonly base: number | null;
}

/** A store on servers, as its examination sees it. */
export interface Servers {
  /** How long an entry stays when its session is not heard of. */
  readonly ttlMs: number;
  readonly isEncrypted: boolean;
  /** Null: none. */
  readonly user: string | null;
  /** All of the servers. Resolves also where none answers. */
  read(): Promise<ServerReading[]>;
  /** @throws {StoreError} (rejects) */
  keys(): Promise<StoreKeysReading>;
  /** Deletes leftovers. Resolves to how many were there. */
  sweep(leftovers: readonly string[]): Promise<number>;
  /** Begins tickets and tokens anew above all earlier ones, after the servers' data was restored. Resolves to the new base. */
  renewBase(): Promise<number>;
}
