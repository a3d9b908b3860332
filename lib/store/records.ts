import type { Past } from './past.ts';

/**
 * The seam for what a store has beside its lines: small texts that all machines see which use a store on servers. On disk none is
 * needed: there the files are what all see.
 *
 * A key is a kind and encoded names, with slashes between them: `runs/backup/000001.run`, `beats/packer`.
 *
 * Every method rejects with a `StoreError`: `UNREACHABLE`, `UNSURE`, `DENIED`, …
 */
export interface Records {
  /** The keys that begin with a prefix, sorted. */
  keys(prefix: string): Promise<string[]>;
  /** The texts that begin with a prefix, sorted by their keys. For a few small ones. */
  all(prefix: string): Promise<SharedText[]>;
  /** The texts under these keys, as far as they are there. */
  read(keys: readonly string[]): Promise<SharedText[]>;
  /**
   * Puts a text under a key, in place of one that is there. Returns its revision; or null, and puts nothing, if the key has
   * another revision than `over`.
   */
  put(key: string, text: string, options?: PutOptions): Promise<number | null>;
  /** The past of a name's line; null if there is no such name. */
  past(name: string): Promise<Past | null>;
  /** Removes keys, as far as they are there. */
  remove(keys: readonly string[]): Promise<void>;
  /**
   * Calls back with the text under a key, if there is one, and with every later one, until the returned function is called. Servers
   * that are away delay that. Keeps no process alive.
   */
  watch(key: string, onText: (text: SharedText) => void): () => void;
}

export interface SharedText {
  readonly key: string;
  readonly text: string;
  /** Grows with every put of the key. */
  readonly revision: number;
}

export interface PutOptions {
  /** Puts only over this revision. */
  over?: number;
  /** Whether the process stays alive for the answer. Default true. */
  keepAlive?: boolean;
  /** Gives it up after so many ms. Default 5,000. */
  timeoutMs?: number;
}

/** The longest text that is put, in bytes: servers take 1.5 MB in a request. */
export const MAX_SHARED_BYTES = 1024 * 1024;
