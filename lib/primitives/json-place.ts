import type { AlsoLock } from '../foreign/also-lock.ts';
import type { Lease } from './lease.ts';
import type { Lock } from './lock.ts';
import type { UpdateOptions } from './update-options.ts';

/** Returns the new contents; the very bytes that it was given, if nothing is to be changed. */
export type Change = (before: Buffer, lease: Lease) => Uint8Array | Promise<Uint8Array>;

/** Where a JSON file is, and how it is read and replaced there: on disk, or as a document of a store. */
export interface JsonPlace {
  /** For messages: a path, or a URL. */
  readonly path: string;
  /** The lock of other programs that each update acquires too. */
  readonly also?: 'proper-lockfile' | AlsoLock | undefined;
  /** @throws {StoreError} if that cannot be known without the file, and there is none */
  readonly lock: Lock;
  /** @throws {StoreError} (rejects) if there is none */
  read(): Promise<Buffer>;
  /** Replaces it under its lock. @throws (rejects) as `JsonFile.update` */
  replace(change: Change, options: UpdateOptions): Promise<void>;
}
