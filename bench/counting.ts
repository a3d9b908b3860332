import fs from 'node:fs';
import path from 'node:path';
import { Counter, JsonFile, Lock } from 'lockstep';
import { effort } from './effort.ts';
import { type Contestant, interleave } from './interleave.ts';
import { rowOf, type Section } from './section.ts';

const BATCHES = effort(200, 2);
const CYCLES = 25;

/** The cost of one addition: as one record, and as a number in a file under a lock. */
export async function counting(directory: string): Promise<Section> {
  const store = path.join(directory, 'counting');
  const contestants = [counter(store), guardedFile(store, path.join(directory, 'number')), jsonFile(directory)];
  const times = await interleave(contestants, { batches: BATCHES, cycles: CYCLES });
  const base = times('Counter.add').batches;
  return {
    name: 'counting',
    title: `one addition, uncontended (${BATCHES} batches of ${CYCLES})`,
    base: 'a record',
    rows: contestants.map(({ name }) => rowOf(name, times(name).batches, { base })),
    absent: [],
    notes: [],
    targets: [],
  };
}

function counter(store: string): Contestant {
  const numbers = new Counter('number', { store });
  return {
    name: 'Counter.add',
    async batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) await numbers.add(1);
    },
  };
}

/** A process that is killed between truncating and writing leaves an empty file. */
function guardedFile(store: string, file: string): Contestant {
  const lock = new Lock('guard', { store });
  fs.writeFileSync(file, '0');
  return {
    name: 'Lock, read, write in place',
    async batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        const lease = await lock.acquire();
        fs.writeFileSync(file, String(Number(fs.readFileSync(file, 'utf8')) + 1));
        await lease.release();
      }
    },
  };
}

function jsonFile(directory: string): Contestant {
  const place = path.join(directory, 'number.json');
  fs.writeFileSync(place, '{"count":0}');
  const file = new JsonFile<{ count: number }>(place);
  return {
    name: 'JsonFile.update, which replaces it whole',
    async batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await file.update((value) => {
          value.count += 1;
        });
      }
    },
  };
}
