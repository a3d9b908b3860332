import { closeSync, openSync, readSync } from 'node:fs';
import type { Queue } from '../primitives/queue.ts';
import { unpack } from './argument-codec.ts';
import { packMessage } from './map-message.ts';
import { isReturned, type Outcome, packOutcome } from './outcome.ts';

/** Where an item of `map` is: its index, and the place of its packed value in the file of values. */
export type ItemPlace = readonly [at: number, from: number, length: number];

/** The input of a worker of `map`: the items, and the file of their values. */
export type MapService = readonly [items: Queue<ItemPlace>, values: string];

/**
 * Calls a function with item after item, and reports each, until one has no result, or this process is ended.
 *
 * An item is marked done after its outcome was sent. If this process is killed in between, the item is given to another one, and called once
 * more; the outcome that comes first is the result.
 *
 * @throws (rejects) what the queue throws
 */
export async function serve(
  [items, values]: MapService,
  work: (value: unknown, at: number) => unknown,
  send: (message: Uint8Array) => Promise<void>,
): Promise<void> {
  const file = openSync(values, 'r');
  try {
    for (let hasResult = true; hasResult; ) {
      const item = await items.get();
      const [at, from, length] = item.value;
      await send(packMessage({ it: 'took', at, attempt: item.attempt }));
      const outcome = await outcomeOf(() => work(unpack(bytesAt(file, from, length)), at));
      const packed = packOutcome(outcome);
      await send(packMessage({ it: 'ended', at, outcome: packed }));
      hasResult = isReturned(packed);
      await item.done();
    }
  } finally {
    closeSync(file);
  }
}

async function outcomeOf(call: () => unknown): Promise<Outcome> {
  try {
    return { returned: await call() };
  } catch (threw) {
    return { threw };
  }
}

function bytesAt(file: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let count = 0; count < length; ) {
    const more = readSync(file, bytes, count, length - count, from + count);
    if (more === 0) throw new Error('the file of the items of map is shorter than it was');
    count += more;
  }
  return bytes;
}
