import fs from 'node:fs';
import type { Writable } from 'node:stream';
import { messageOf, writeWhole } from '../../lib/internal.ts';
import { EXIT, say } from './exit.ts';

/** Resolves when all output is written, or its reader is gone. `process.exit` would discard the rest. */
export async function flush(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}

/** Stdout that is a file. */
interface FileOutput extends NodeJS.WriteStream {
  fd: number;
  _type?: string;
}

/** A message that cannot be written changes no exit code: a cron job's mail or log may be on the disk that is full. */
export function tolerateStderr(): void {
  process.stderr.on('error', () => undefined);
}

/**
 * Detects, where stdout is a file, that a result did not fit on the disk. Node's own stream takes a short write for a
 * whole one, and reports an error only after the command has ended.
 *
 * @returns a function that resolves, once all is written, to the exit code to end with
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
    // A command with a listener of its own decides: a job continues.
    if (stdout.listenerCount('error') === 1) failure ??= error;
  });
  return async (code) => {
    // A stream emits its error only after the writer has returned.
    await new Promise((resolve) => setImmediate(resolve));
    if (failure) say(`cannot write to stdout: ${messageOf(failure)}`);
    return failure && code === EXIT.ok ? EXIT.io : code;
  };
}

/** Ends this process when the reader of its output is gone: exit 0, since a reader may stop early. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    say(`cannot write to stdout: ${messageOf(error)}`);
    process.exit(EXIT.io);
  });
}
