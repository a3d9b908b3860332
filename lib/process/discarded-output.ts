import { type StdioOptions, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

/**
 * Has the rest of an output read and discarded, by a `cat` that ends with the last process that has it open. So processes
 * that a command left behind can go on printing after us, and fill no disk. To be called before the stream is destroyed.
 *
 * Where `cat` cannot be started they get SIGPIPE, or EPIPE, when they print.
 */
export function discardOutput(from: Readable): void {
  try {
    const env = { PATH: `/usr/bin:/bin:${process.env.PATH ?? ''}` };
    const stdio: StdioOptions = [from, 'ignore', 'ignore'];
    const cat = spawn('cat', { cwd: '/', env, detached: true, stdio });
    cat.on('error', () => undefined);
    cat.unref();
  } catch {
    // The system starts no more processes; or the stream has been closed.
  }
}
