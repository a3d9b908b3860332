import type { Duplex } from 'node:stream';
import { byDeadline } from '../time/deadline.ts';
import { IncomingFrame } from './frame.ts';

/** How long the pipe of a process that has ended is read. What it had sent was in there when it ended. */
const REST_MS = 1_000;

/**
 * What the process of a module sends back through its pipe. It is read whether or not it is asked for: the process could not
 * end before it had sent it.
 */
export class Reply {
  readonly #pipe: Duplex & { ref?: () => void; unref?: () => void };
  readonly #whole: Promise<Buffer | null>;

  constructor(pipe: Duplex) {
    this.#pipe = pipe;
    const frame = new IncomingFrame();
    this.#whole = new Promise((resolve) => {
      pipe.on('data', (piece: Buffer) => {
        const whole = frame.add(piece);
        if (whole) resolve(whole);
      });
      pipe.on('error', () => resolve(null));
      pipe.on('close', () => resolve(null));
      pipe.on('end', () => resolve(null));
    });
  }

  /** Resolves to the reply; to null if there is none when the process has ended. */
  async by(exit: Promise<unknown>): Promise<Buffer | null> {
    let reply: Buffer | null = null;
    const whole = this.#whole.then((bytes) => {
      reply = bytes;
    });
    await Promise.race([whole, exit]);
    await byDeadline(whole, REST_MS);
    return reply;
  }

  /** Keeps our event loop alive until the pipe is closed, or `unref()`. */
  ref(): void {
    this.#pipe.ref?.();
  }

  unref(): void {
    this.#pipe.unref?.();
  }
}
