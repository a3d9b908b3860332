import fs from 'node:fs';
import type { Writable } from 'node:stream';
import { messageOf } from '../../lib/host/errno.ts';
import { writeWhole } from '../../lib/host/whole-write.ts';
import { EXIT, say } from './exit.ts';

/** Resolves when all that was written has gone out, or nobody reads it any more: `process.exit` would throw the rest away. */
export async function flush(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}

/** Stdout, where it leads into a file. */
interface FileOutput extends NodeJS.WriteStream {
  fd: number;
  _type?: string;
}

/**
 * Makes a result that does not fit on its disk a failure, where stdout leads into a file. Node's own stream believes a
 * write that was cut short, and reports an error only after a command has ended.
 *
 * @returns what resolves to the exit code that the command ends with, once all is written
 */
export function checkedOutput(): (code: number) => Promise<number> {
  const stdout = process.stdout as FileOutput;
  if (stdout._type !== 'fs') return async (code) => code;
  let failure: Error | null = null;
  stdout._write = (chunk: Uint8Array, _encoding, callback) => {
    try {
      writeWhole(chunk, (rest) => fs.writeSync(stdout.fd, rest, 0, rest.length));
      callback();
    } catch (error) {
      callback(error as Error);
    }
  };
  stdout.on('error', (error) => {
    // Some commands know better what to do then: a job goes on.
    if (stdout.listenerCount('error') === 1) failure ??= error;
  });
  return async (code) => {
    // A stream tells of an error only when what wrote to it has returned.
    await new Promise((resolve) => setImmediate(resolve));
    if (failure) say(`cannot write to stdout: ${messageOf(failure)}`);
    return failure && code === EXIT.ok ? EXIT.io : code;
  };
}

/** Ends this process when nobody reads its output any more: who has seen enough has not failed. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    say(`cannot write to stdout: ${messageOf(error)}`);
    process.exit(EXIT.io);
  });
}
