import prettyMs from 'pretty-ms';
import { byDeadline, MAX_FILE_BYTES, nodeHost, type ProcessExit } from '../../../lib/internal.ts';
import { startHeld } from '../../child/start.ts';
import { statusOf } from '../../child/status.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import { FilterGuard } from './filter-guard.ts';

/** How long after a filter's end its output may stay open: the end of the output is the end of the new contents. */
const LEFT_OPEN_MS = 10_000;

/** A program that reads the old bytes and prints the new ones: `jq`, `sed`, a script. */
export interface Filter {
  words: readonly string[];
  env: Record<string, string>;
}

/**
 * Runs a filter, and resolves to its output. The filter is ended if our process is killed.
 *
 * @throws {Exit} (rejects) if it cannot be started, fails, prints too much, or leaves something that does not let go of its output
 */
export async function filterThrough({ words, env }: Filter, bytes: Uint8Array): Promise<Buffer> {
  const [program = ''] = words;
  const guard = new FilterGuard(nodeHost.processes.nonce());
  try {
    const whole = { ...process.env, ...env, ...guard.environment };
    const child = await startHeld(words, { env: whole, input: 'pipe', output: 'pipe', errors: 'inherit' });
    guard.watch(child.pid);
    const output = new Output(() => child.kill('SIGKILL'));
    const closed = new Promise<void>((resolve) => void child.stdout?.once('close', resolve));
    child.stdout?.on('data', (chunk: Buffer) => output.add(chunk));
    child.go();
    // A filter need not read all of its input.
    child.stdin?.end(bytes);
    const exit = await child.exit();
    await byDeadline(closed, LEFT_OPEN_MS);
    const why = whyUseless(exit, output, child.stdout?.closed !== false);
    if (why === null) return output.bytes;
    say(`${program} ${why}; the file is unchanged`);
    throw new Exit(statusOf(exit) || EXIT.failed);
  } finally {
    guard.end();
  }
}

function whyUseless({ code, signal }: ProcessExit, output: Output, isClosed: boolean): string | null {
  if (output.isTooLong) return `printed more than ${MAX_FILE_BYTES} bytes (512 MiB)`;
  if (code !== 0) return `failed (${signal ?? `exit ${code}`})`;
  return isClosed
    ? null
    : `has ended, and left a process that still has its output open after ${prettyMs(LEFT_OPEN_MS)}`;
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
