import type { Writable } from 'node:stream';
import { byDeadline, later, messageOf } from '../../../lib/internal.ts';

/** Takes the command's output as it comes. */
export interface Sink {
  /** Whether it is to get no more until `onDrain` calls back. Bytes that it gets all the same are kept in memory. */
  readonly isFull: boolean;
  /** The bytes are valid only during the call. Never throws. */
  write(bytes: Uint8Array): void;
  /** Calls back each time that it is no longer full. */
  onDrain(resume: () => void): void;
  /** Resolves when all is written, or will not be. */
  end(): Promise<void>;
}

export interface StreamSinkOptions {
  /** Called once if the stream fails; the sink ignores all further output. */
  giveUp: (why: string) => void;
  /** How long a reader may take nothing, in ms. Default: as long as it likes. */
  patienceMs?: number;
}

/**
 * A stream with a reader: a pipe, a terminal. A slow reader slows the command down, as without us, so that nothing is lost, and
 * nothing piles up here.
 */
export class StreamSink implements Sink {
  readonly #stream: Writable;
  readonly #options: StreamSinkOptions;
  #isOver = false;
  #resume: () => void = () => undefined;
  #cancelPatience: () => void = () => undefined;

  constructor(stream: Writable, options: StreamSinkOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('error', (error) => this.#end(messageOf(error)));
    stream.on('drain', () => {
      this.#cancelPatience();
      this.#resume();
    });
  }

  get isFull(): boolean {
    return !this.#isOver && this.#stream.writableNeedDrain;
  }

  write(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const wasFull = this.isFull;
    // The stream keeps them for longer than this call.
    this.#stream.write(Buffer.from(bytes));
    const { patienceMs } = this.#options;
    if (patienceMs === undefined || wasFull || !this.isFull) return;
    this.#cancelPatience = later(patienceMs, () => this.#end('its reader takes nothing'), false);
  }

  onDrain(resume: () => void): void {
    this.#resume = resume;
  }

  async end(): Promise<void> {
    const { patienceMs = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#isOver || this.#stream.writableLength === 0) return;
    const written = new Promise<void>((resolve) => {
      this.#stream.once('error', () => resolve());
      this.#stream.write('', () => resolve());
    });
    await byDeadline(written, patienceMs);
    if (this.#stream.writableLength > 0) this.#end('its reader takes nothing');
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelPatience();
    this.#options.giveUp(why);
    this.#resume();
  }
}
