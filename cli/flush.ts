import type { Writable } from 'node:stream';

/** Resolves when all that was written has gone out, or nobody reads it any more: `process.exit` would throw the rest away. */
export async function flush(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
