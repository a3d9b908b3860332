import fs from 'node:fs';
import { Counter, JsonFile } from 'lockstep';
import lockfile from 'proper-lockfile';
import writeFileAtomic from 'write-file-atomic';

/** How often `proper-lockfile` looks again: every 5 ms, for as long as it takes. By default it does not wait at all. */
const RETRIES = { forever: true, minTimeout: 5, maxTimeout: 5, factor: 1 } as const;

/** The ways to take one from a number that several processes share. */
export const WAYS = ['Counter.add', 'JsonFile.update', 'proper-lockfile + write-file-atomic'] as const;
export type Way = (typeof WAYS)[number];

/** A number that several processes count down. `take` resolves to what is left; below zero, nothing was left. */
export interface Shared {
  begin(value: number): Promise<void>;
  take(): Promise<number>;
}

export function sharedNumber(way: Way, place: string): Shared {
  if (way === 'Counter.add') return counter(place);
  return way === 'JsonFile.update' ? jsonFile(`${place}/number.json`) : properLockfile(`${place}/number.json`);
}

function counter(store: string): Shared {
  const numbers = new Counter('number', { store: `${store}/store` });
  return {
    begin: async (value) => void (await numbers.add(value)),
    take: () => numbers.add(-1),
  };
}

function jsonFile(place: string): Shared {
  const file = new JsonFile<{ left: number }>(place);
  return {
    begin: (value) => writeFileAtomic(place, JSON.stringify({ left: value })),
    async take() {
      let left = 0;
      await file.update((ticket) => {
        left = ticket.left - 1;
        if (left >= 0) ticket.left = left;
      });
      return left;
    },
  };
}

function properLockfile(place: string): Shared {
  return {
    begin: (value) => writeFileAtomic(place, JSON.stringify({ left: value })),
    async take() {
      const release = await lockfile.lock(place, { retries: RETRIES });
      try {
        const ticket = JSON.parse(fs.readFileSync(place, 'utf8')) as { left: number };
        const left = ticket.left - 1;
        if (left >= 0) await writeFileAtomic(place, JSON.stringify({ left }));
        return left;
      } finally {
        await release();
      }
    },
  };
}
