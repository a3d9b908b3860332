import type { DocumentDirectory, DocumentHost } from '../host/document-host.ts';

const MARK = '.lockstep-';
const SECRET = /^[0-9a-f]{32}$/;
/** Of a longer name, a digest stands in the temporary file's name, which may have 255 bytes. */
const MAX_NAME_BYTES = 180;
const OLD_MS = 3_600_000;

/**
 * The names of the files that take a file's place when they are whole: `.NAME.lockstep-SECRET`, beside it. The secret
 * keeps others from planting something there; the name tells whose they are, so that those of killed writers are found.
 */
export class TemporaryNames {
  readonly #prefix: string;

  private constructor(prefix: string) {
    this.#prefix = prefix;
  }

  static async of(name: string): Promise<TemporaryNames> {
    if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return new TemporaryNames(`.${name}${MARK}`);
    const { createHash } = await import('node:crypto');
    return new TemporaryNames(`.${createHash('sha256').update(name).digest('hex')}${MARK}`);
  }

  with(secret: string): string {
    return `${this.#prefix}${secret}`;
  }

  isOne(name: string): boolean {
    return name.startsWith(this.#prefix) && SECRET.test(name.slice(this.#prefix.length));
  }
}

/**
 * Removes what other writers of the file left beside it. Only for the holder of the file's lock: a temporary file that
 * stands there then is a killed writer's, or belongs to one that lost its lease. The latter could not see any more that
 * it lost it:
 *
 *   1. A looks at its lease and at the file for the last time, and is stopped before its rename;
 *   2. A's lease is taken away, and B acquires the lock;
 *   3. B removes A's temporary file, reads the file, changes it, and replaces it;
 *   4. A goes on: its rename fails, because its file is gone, and B's change stays.
 */
export function sweepTemporaryFiles(host: DocumentHost, directory: DocumentDirectory, names: TemporaryNames): void {
  for (const name of temporaryFilesIn(host, directory, names)) removeQuietly(host, directory.at(name));
}

/**
 * The same where there is no lock: a temporary file that has stood still for an hour is no living writer's.
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
    // A directory that may be written but not read. What is left there harms nobody.
    return [];
  }
}

/** A temporary file that stays is removed by a later writer. */
export function removeQuietly(host: DocumentHost, path: string): void {
  try {
    host.remove(path);
  } catch {
    // Gone, another user's, or a directory that somebody put there.
  }
}
