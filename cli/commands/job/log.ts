import fs from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import tty from 'node:tty';
import { isErrno, messageOf, openLog, writeWhole } from '../../../lib/internal.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import { type Sink, StreamSink } from './sink.ts';

/** A reader of a log that takes nothing for this long is given up: it must not hold up the job. */
const PATIENCE_MS = 10_000;

/**
 * The log of `--log`: a file, a terminal, a FIFO that has a reader, a device, or the output of `lockstep` itself. When it cannot
 * be written any more, that is reported once, and the job goes on without it: its work matters more.
 *
 * @throws {Exit} if it cannot be opened
 */
export function logSink(file: string): Sink {
  const fd = opened(file);
  const giveUp = (why: string) => say(`--log ${file}: cannot be written from here on: ${why}`);
  if (typeof fd !== 'number') return new StreamSink(fd, { giveUp, patienceMs: PATIENCE_MS });
  const stream = streamOf(fd);
  return stream ? new StreamSink(stream, { giveUp, patienceMs: PATIENCE_MS }) : new FileSink(fd, giveUp);
}

function opened(file: string): number | Writable {
  try {
    return openLog(file);
  } catch (error) {
    const own = isErrno(error, 'ENXIO') ? ownStream(file) : null;
    if (own) return own;
    say(`--log ${file}: cannot be opened: ${whyNot(error as Error, file)}. The command did not begin.`);
    throw new Exit(EXIT.io);
  }
}

/** A socket cannot be opened again under `/dev/stdout`; but it is here already. */
function ownStream(file: string): Writable | null {
  const facts = fs.statSync(file, { throwIfNoEntry: false });
  const isSame = (fd: number) => {
    const { ino, dev } = fs.fstatSync(fd);
    return facts?.isSocket() && facts.ino === ino && facts.dev === dev;
  };
  if (isSame(1)) return process.stdout;
  return isSame(2) ? process.stderr : null;
}

function whyNot(error: Error, file: string): string {
  if (isErrno(error, 'EISDIR')) return 'it is a directory';
  if (!isErrno(error, 'ENXIO')) return messageOf(error);
  const facts = fs.statSync(file, { throwIfNoEntry: false });
  if (facts?.isFIFO()) return 'it is a FIFO that no process reads; start its reader first';
  return facts?.isSocket() ? 'it is a socket' : 'there is no such device';
}

/** Null for a file or a device, which are written at once. */
function streamOf(fd: number): Writable | null {
  if (tty.isatty(fd)) return new tty.WriteStream(fd);
  return fs.fstatSync(fd).isFIFO() ? new Socket({ fd, readable: false, writable: true }) : null;
}

class FileSink implements Sink {
  readonly isFull = false;
  readonly #giveUp: (why: string) => void;
  #fd: number;

  constructor(fd: number, giveUp: (why: string) => void) {
    this.#fd = fd;
    this.#giveUp = giveUp;
  }

  write(bytes: Uint8Array): void {
    if (this.#fd === -1) return;
    try {
      writeWhole(bytes, (rest) => fs.writeSync(this.#fd, rest, 0, rest.length));
    } catch (error) {
      this.#giveUp(messageOf(error as Error));
      fs.closeSync(this.#fd);
      this.#fd = -1;
    }
  }

  onDrain(): void {}

  async end(): Promise<void> {}
}
