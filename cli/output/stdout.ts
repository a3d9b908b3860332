import fs from 'node:fs';
import type { Writable } from 'node:stream';
import { messageOf, writeWhole } from '../../lib/internal.ts';
import { EXIT, say } from './exit.ts';

type Name = 'stdout' | 'stderr';

const used = new Map<Name, NodeJS.WriteStream>();

/**
 * Prepares a stream of the process when it is first used. Node makes it then; that takes a tenth of all that a `run` does, which
 * prints nothing. And it sets a pipe to non-blocking, also for the command that has the same pipe.
 */
function whenUsed(name: Name, prepare: (stream: NodeJS.WriteStream) => void): void {
  const { get } = Object.getOwnPropertyDescriptor(process, name) ?? {};
  const made = () => {
    let stream = used.get(name);
    if (stream) return stream;
    stream = get?.call(process) as NodeJS.WriteStream;
    used.set(name, stream);
    prepare(stream);
    return stream;
  };
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get: made });
}

/** Resolves when all output is written, or its reader is gone. `process.exit` would discard the rest. */
export async function flushAll(): Promise<void> {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = used.get(name);
    if (stream) await flush(stream);
  }
}

async function flush(stream: Writable): Promise<void> {
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
  whenUsed('stderr', (stderr) => stderr.on('error', () => undefined));
}

/**
 * Detects, where stdout is a file, that a result did not fit on the disk. Node's own stream takes a short write for a
 * whole one, and reports an error only after the command has ended.
 *
 * @returns a function that resolves, once all is written, to the exit code to end with
 */
export function checkedOutput(): (code: number) => Promise<number> {
  let failure: Error | null = null;
  whenUsed('stdout', (stdout) => {
    const isFile = (stdout as FileOutput)._type === 'fs';
    if (isFile) writeWholly(stdout as FileOutput);
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      // A command with a listener of its own decides: a job continues.
      if (stdout.listenerCount('error') > 1) return;
      if (isFile) failure ??= error;
      // The reader of a pipe may stop early, and may have done so before the first write.
      else if (error.code !== 'EPIPE') throw error;
    });
  });
  return async (code) => {
    if (!used.has('stdout')) return code;
    // A stream emits its error only after the writer has returned.
    await new Promise((resolve) => setImmediate(resolve));
    if (failure) say(`cannot write to stdout: ${messageOf(failure)}`);
    return failure && code === EXIT.ok ? EXIT.io : code;
  };
}

function writeWholly(stdout: FileOutput): void {
  stdout._write = (chunk: Uint8Array, _encoding, callback) => {
    try {
      writeWhole(chunk, (rest) => fs.writeSync(stdout.fd, rest, 0, rest.length));
      callback();
    } catch (error) {
      callback(error as Error);
    }
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
