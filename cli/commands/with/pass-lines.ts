import type { Readable } from 'node:stream';
import { byDeadline, discardOutput } from '../../../lib/internal.ts';
import { PrefixedLines } from './prefixed-lines.ts';

/** How long nothing must come, once the children have ended, for the rest to be a left process's. */
const QUIET_MS = 100;
/** Rounds of this length, not counting those in which our reader takes nothing. All that a child printed before its end comes sooner. */
const MAX_ROUNDS = 5;

export interface PassOptions {
  label: string;
  /** Resolves when the children have ended. Processes that they left behind may have the output open for ever. */
  over: Promise<void>;
}

/**
 * Passes an output on, line by line, with a label. A slow reader of ours slows the child down. Resolves when the output has ended;
 * or, once `over` has resolved, when what is left cannot be the children's own. That is discarded.
 */
export async function passLines(from: Readable | null, to: NodeJS.WritableStream, options: PassOptions): Promise<void> {
  if (!from) return;
  const lines = new PrefixedLines(options.label);
  let received = 0;
  let isBlocked = false;
  const closed = new Promise<void>((resolve) => void from.once('close', resolve));
  from.on('error', () => undefined);
  from.on('data', (chunk: Buffer) => {
    received += chunk.length;
    const bytes = lines.of(chunk);
    if (bytes.length === 0 || to.write(bytes)) return;
    isBlocked = true;
    from.pause();
    to.once('drain', () => {
      isBlocked = false;
      from.resume();
    });
  });
  await Promise.race([closed, options.over]);
  for (let round = 1; !from.destroyed; ) {
    const before = received;
    await byDeadline(closed, QUIET_MS);
    if (from.destroyed || isBlocked || (received > before && round++ < MAX_ROUNDS)) continue;
    discardOutput(from);
    from.destroy();
  }
  const rest = lines.end();
  if (rest.length > 0) to.write(rest);
}
