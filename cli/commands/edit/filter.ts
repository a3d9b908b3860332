import { spawn } from 'node:child_process';
import { MAX_FILE_BYTES, nodeHost } from '../../../lib/internal.ts';
import { CANNOT_RUN, NOT_FOUND, statusOf } from '../../child/status.ts';
import { Exit, say } from '../../output/exit.ts';
import { FilterGuard } from './filter-guard.ts';

/** A program that reads the old bytes and prints the new ones: `jq`, `sed`, a script. */
export interface Filter {
  words: readonly string[];
  env: Record<string, string>;
}

/**
 * Runs a filter, and resolves to its output. The filter is ended if our process is killed.
 *
 * @throws {Exit} (rejects) if it cannot be started, fails, or prints too much
 */
export async function filterThrough({ words, env }: Filter, bytes: Uint8Array): Promise<Buffer> {
  const [program = '', ...args] = words;
  const guard = new FilterGuard(nodeHost.processes.nonce());
  try {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env, ...guard.environment },
    });
    if (child.pid !== undefined) guard.watch(child.pid);
    const output = new Output(() => child.kill('SIGKILL'));
    child.stdout.on('data', (chunk: Buffer) => output.add(chunk));
    // A filter need not read all of its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(bytes);
    return await new Promise((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        const isMissing = error.code === 'ENOENT';
        say(`${program}: ${isMissing ? 'command not found' : error.message}; the file is unchanged`);
        reject(new Exit(isMissing ? NOT_FOUND : CANNOT_RUN));
      });
      child.once('close', (code, signal) => {
        // It closes behind an error as well, and was never started then.
        if (child.pid === undefined) return;
        if (code === 0) return resolve(output.bytes);
        const why = output.isTooLong
          ? `printed more than ${MAX_FILE_BYTES} bytes (512 MiB)`
          : `failed (${signal ?? `exit ${code}`})`;
        say(`${program} ${why}; the file is unchanged`);
        reject(new Exit(statusOf({ code, signal })));
      });
    });
  } finally {
    guard.end();
  }
}

/** A filter's output, up to a limit. */
class Output {
  readonly #chunks: Buffer[] = [];
  readonly #onTooLong: () => void;
  #length = 0;

  constructor(onTooLong: () => void) {
    this.#onTooLong = onTooLong;
  }

  get isTooLong(): boolean {
    return this.#length > MAX_FILE_BYTES;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  add(chunk: Buffer): void {
    if (this.isTooLong) return;
    this.#length += chunk.length;
    if (!this.isTooLong) this.#chunks.push(chunk);
    else this.#onTooLong();
  }
}
