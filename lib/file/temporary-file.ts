import type { DocumentDirectory, DocumentHost } from '../host/document-host.ts';

const MARK = '.lockstep-';
const SECRET = /^[0-9a-f]{32}$/;
/** A longer name is replaced by its digest: a temporary file's name may have 255 bytes. */
const MAX_NAME_BYTES = 180;
const OLD_MS = 3_600_000;

/**
 * The names of the temporary files beside a file: `.NAME.lockstep-SECRET`. The secret prevents other users from
 * planting a file of that name; NAME identifies the file, so that a later writer finds those of killed writers.
 */
export class TemporaryNames {
  readonly #prefix: string;

  private constructor(prefix: string) {
    this.#prefix = prefix;
  }

  static of(name: string): TemporaryNames {
    if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return new TemporaryNames(`.${name}${MARK}`);
    const digest = process.getBuiltinModule('node:crypto').createHash('sha256').update(name).digest('hex');
    return new TemporaryNames(`.${digest}${MARK}`);
  }

  with(secret: string): string {
    return `${this.#prefix}${secret}`;
  }

  isOne(name: string): boolean {
    return name.startsWith(this.#prefix) && SECRET.test(name.slice(this.#prefix.length));
  }
}

/**
 * Removes the temporary files of other writers. Only for the holder of the file's lock: then each of them belongs to a
 * writer that was killed, or that lost its lease and cannot notice it any more:
 *
 *   1. A checks its lease and the file for the last time, and is stopped before its rename;
 *   2. A's lease is taken away, and B acquires the lock;
 *   3. B removes A's temporary file, reads the file, changes it, and replaces it;
 *   4. A continues: its rename fails, because its temporary file is gone, and B's change stays.
 */
export function sweepTemporaryFiles(host: DocumentHost, directory: DocumentDirectory, names: TemporaryNames): void {
  for (const name of temporaryFilesIn(host, directory, names)) removeQuietly(host, directory.at(name));
}

/**
 * The same without the lock: a temporary file that has not changed for an hour belongs to no living writer.
 */
export function sweepOldTemporaryFiles(host: DocumentHost, directory: DocumentDirectory, names: TemporaryNames): void {
  const latest = BigInt(host.wallMs() - OLD_MS) * 1_000_000n;
  for (const name of temporaryFilesIn(host, directory, names)) {
    const facts = host.look(directory.at(name));
    if (facts !== null && facts.modifiedNs < latest) removeQuietly(host, directory.at(name));
  }
}

function temporaryFilesIn(host: DocumentHost, directory: DocumentDirectory, names: TemporaryNames): string[] {
  try {
    return host.list(directory.at('.')).filter((name) => names.isOne(name));
  } catch {
    // The directory may be written but not read. A leftover is harmless.
    return [];
  }
}

/** A temporary file that stays is removed by a later writer. */
export function removeQuietly(host: DocumentHost, path: string): void {
  try {
    host.remove(path);
  } catch {
    // It is gone, or another user's, or another process put a directory there.
  }
}
