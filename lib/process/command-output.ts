import fs from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isErrno } from '../host/errno.ts';
import { makePipe } from '../host/node-pipe.ts';
import { byDeadline } from '../time/deadline.ts';
import { discardOutput } from './discarded-output.ts';
import type { HeldProcess } from './held-process.ts';

const CHUNK_BYTES = 64 * 1024;
/** The most that a pipe holds, as Linux sets it for ordinary users. All that a command printed before its exit is within. */
const MAX_PIPE_BYTES = 1024 * 1024;
/**
 * How long after the command's exit output of what it left behind still counts: `exec > >(tee log)` in a script leaves a `tee`
 * that prints the script's last lines.
 */
const STRAGGLERS_MS = 100;

/** Takes output as it comes; the bytes are valid only during the call. Returns false to get no more until `resume()`. */
export type TakeOutput = (bytes: Uint8Array) => boolean;

/**
 * The output of one command, read as it comes: stdout and stderr are one pipe, so their order is kept, and the command can
 * open it again as `/dev/stdout` or `/dev/stderr`. Where the system has no pipe for us, they are two streams of Node's.
 *
 * It ends with the command, not with the pipe's last writer. A process that the command left behind may go on printing: its
 * output is then read by a `cat` that discards it, and ends with the last such process. So the process lives, and fills
 * no disk. If our process is killed instead, the pipe has no reader, and a process that prints gets SIGPIPE.
 */
export class CommandOutput {
  /** The target that the command gets as its output (`HeldOptions.output`). */
  readonly target: number | 'pipe';
  readonly #take: TakeOutput;
  #writer: number;
  #reader: number;
  #streams: Readable[] = [];
  #ended: Promise<void> = Promise.resolve();
  #isOver = false;
  /** How many bytes came since the command's exit; null before it. */
  #lateBytes: number | null = null;
  #onTooLate: () => void = () => undefined;

  constructor(take: TakeOutput, ends = makePipe()) {
    this.#take = take;
    this.target = ends?.writer ?? 'pipe';
    this.#writer = ends?.writer ?? -1;
    this.#reader = ends?.reader ?? -1;
    if (this.#reader !== -1) this.#follow([this.#streamOf(this.#reader)]);
  }

  /** The command has the output: from here on only it, and what it starts, keep the pipe open. */
  started(held: Pick<HeldProcess, 'stdout' | 'stderr'>): void {
    this.#closeWriter();
    if (this.target !== 'pipe') return;
    const streams = [held.stdout, held.stderr].filter((stream) => stream !== null);
    const pass = (bytes: Buffer) => this.#pass(bytes) || streams.map((stream) => stream.pause());
    for (const stream of streams) stream.on('data', pass);
    this.#follow(streams);
  }

  /** Reads on, after `take` returned false. */
  resume(): void {
    if (!this.#isOver) for (const stream of this.#streams) stream.resume();
  }

  /**
   * Takes all that the command printed. To be called after its exit; resolves a moment later if other processes have the
   * pipe, else at once.
   */
  async end(): Promise<void> {
    this.#lateBytes = 0;
    this.resume();
    const isTooLate = new Promise<void>((resolve) => {
      this.#onTooLate = resolve;
    });
    if (!this.#isOver) await byDeadline(Promise.race([this.#ended, isTooLate]), STRAGGLERS_MS);
    this.close();
  }

  /** The same without the moment. Later calls are ignored. */
  close(): void {
    this.#closeWriter();
    this.#drain();
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stream of this.#streams) {
      if (!stream.destroyed) discardOutput(stream);
      stream.destroy();
    }
  }

  /** A stream that gives the bytes to `take`, by way of one buffer. */
  #streamOf(fd: number): Readable {
    const callback = (length: number, buffer: Uint8Array) => this.#pass(buffer.subarray(0, length));
    const onread = { buffer: Buffer.alloc(CHUNK_BYTES), callback };
    return new Socket({ fd, readable: true, writable: false, onread } as ConstructorParameters<typeof Socket>[0]);
  }

  #follow(streams: Readable[]): void {
    this.#streams = streams;
    const ends = streams.map((stream) => new Promise<void>((resolve) => void stream.once('close', resolve)));
    // From the stream's end on its descriptor is closed, and the number may be another file's.
    this.#ended = Promise.all(ends).then(() => undefined);
    for (const stream of streams) {
      stream.once('end', () => this.#isEnd());
      // An error of the system's: nothing more can be read.
      stream.once('error', () => this.#isEnd());
      // The command keeps us alive, not its output.
      (stream as Partial<Socket>).unref?.();
    }
  }

  #isEnd(): void {
    if (this.#streams.every((stream) => stream.destroyed || stream.readableEnded)) this.#isOver = true;
  }

  /** Returns false to get no more until `resume()`. Bytes that come when a pipe's worth has come since its exit are not the command's. */
  #pass(bytes: Uint8Array): boolean {
    const isWanted = this.#take(bytes);
    if (this.#lateBytes === null) return isWanted;
    this.#lateBytes += bytes.length;
    if (this.#lateBytes < MAX_PIPE_BYTES) return isWanted;
    this.#onTooLate();
    return false;
  }

  /** Reads what is in the pipe now, whether or not `take` wants more: it is no more than a pipe holds. */
  #drain(): void {
    if (this.#isOver || this.#reader === -1 || this.#streams[0]?.destroyed) return;
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (let done = 0; done < MAX_PIPE_BYTES; ) {
      const length = readNow(this.#reader, buffer);
      if (length === null) return;
      if (length === 0) {
        this.#isOver = true;
        this.#streams[0]?.destroy();
        return;
      }
      this.#take(buffer.subarray(0, length));
      done += length;
    }
  }

  #closeWriter(): void {
    if (this.#writer !== -1) fs.closeSync(this.#writer);
    this.#writer = -1;
  }
}

/** Returns how many bytes were read: 0 when no process has the pipe open for writing; null if there is nothing now. */
function readNow(fd: number, buffer: Uint8Array): number | null {
  try {
    return fs.readSync(fd, buffer, 0, buffer.length, null);
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return null;
    return 0;
  }
}
