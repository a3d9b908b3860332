import type { Duplex } from 'node:stream';
import { byDeadline } from '../time/deadline.ts';
import { IncomingFrames } from './frame.ts';

/** How long the pipe of a process that has ended is read. The bytes that it had sent were in there when it ended. */
const REST_MS = 1_000;

/**
 * The messages that the process of a module sends back through its pipe: one or several. They are read whether or not they are asked
 * for: the process could not end before it had sent them.
 */
export class Reply {
  readonly #pipe: Duplex & { ref?: () => void; unref?: () => void };
  readonly #first: Promise<Buffer | null>;
  readonly #closed: Promise<void>;
  #onMessage: (message: Buffer) => void = () => undefined;

  constructor(pipe: Duplex) {
    this.#pipe = pipe;
    const frames = new IncomingFrames();
    this.#closed = new Promise((resolve) => {
      for (const event of ['error', 'close', 'end']) pipe.on(event, () => resolve());
    });
    this.#first = new Promise((resolve) => {
      pipe.on('data', (piece: Buffer) => {
        for (const message of frames.add(piece)) {
          resolve(message);
          this.#onMessage(message);
        }
      });
      void this.#closed.then(() => resolve(null));
    });
  }

  /** Resolves to the first message; to null if there is none when the process has ended. */
  async by(exit: Promise<unknown>): Promise<Buffer | null> {
    let reply: Buffer | null = null;
    const first = this.#first.then((bytes) => {
      reply = bytes;
    });
    await Promise.race([first, exit]);
    await byDeadline(first, REST_MS);
    return reply;
  }

  /** Calls back with each message from now on. Resolves when the process has ended, and no more of them comes. */
  async each(onMessage: (message: Buffer) => void, exit: Promise<unknown>): Promise<void> {
    this.#onMessage = onMessage;
    await exit;
    await byDeadline(this.#closed, REST_MS);
    this.#onMessage = () => undefined;
  }

  /** Keeps our event loop alive until the pipe is closed, or `unref()`. */
  ref(): void {
    this.#pipe.ref?.();
  }

  unref(): void {
    this.#pipe.unref?.();
  }
}
