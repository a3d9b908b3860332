import path from 'node:path';
import { Condition, JsonFile, Queue } from '../lib/index.ts';

/** A way to pass items among processes. */
export interface SharedItems {
  put(item: number): Promise<void>;
  /** Takes the next item, and marks it done. */
  take(): Promise<number>;
}

export const ITEM_WAYS = ['JsonFile and Condition', 'Queue'] as const;
export type ItemWay = (typeof ITEM_WAYS)[number];

export function sharedItems(way: ItemWay, place: string): SharedItems {
  return way === 'Queue' ? ownQueue(place) : handMade(place);
}

function ownQueue(place: string): SharedItems {
  const queue = new Queue<number>('items', { store: path.join(place, 'store') });
  return {
    async put(item) {
      await queue.put(item);
    },
    async take() {
      const item = await queue.get();
      await item.done();
      return item.value;
    },
  };
}

/** As a user would write it. It does less: an item whose taker dies is lost. */
function handMade(place: string): SharedItems {
  const filled = new Condition('items', { store: path.join(place, 'store') });
  const file = new JsonFile<number[]>(path.join(place, 'items.json'));
  return {
    put: (item) =>
      filled.withLock(async () => {
        await file.update((items) => void items.push(item));
        await filled.notify();
      }),
    take: () =>
      filled.withLock(async () => {
        await filled.waitFor(async () => (await file.read()).length > 0);
        let taken = 0;
        await file.update((items) => {
          taken = items.shift() ?? 0;
        });
        return taken;
      }),
  };
}
