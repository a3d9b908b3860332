import fs from 'node:fs';
import path from 'node:path';
import { Lock } from 'lockstep';
import { effort } from './effort.ts';
import { type Contestant, interleave } from './interleave.ts';
import { mean, median } from './median.ts';
import { lockfilePeer, nativePeers, properLockfilePeers } from './peers/node-locks.ts';
import { pythonPeers } from './peers/python-locks.ts';
import { atLeast, atMost, rowOf, type Section } from './section.ts';

const BATCHES = effort(200, 2);
/** Few, so that most batches have no rotation: the median excludes rotations, the mean includes their share. */
const CYCLES = effort(50, 5);
const RAW = 'raw: append, read, append, read';
const OURS = 'lockstep acquire, release';
const PROPER = 'proper-lockfile lock, unlock';
const FILELOCK = 'Python filelock acquire, release';

/** One process acquires and releases an uncontended lock. */
export async function uncontended(directory: string): Promise<Section> {
  const store = path.join(directory, 'store');
  const enter = await realRecords(store);
  const native = await nativePeers(directory);
  await using python = await pythonPeers(directory);
  const contestants = [
    raw(path.join(directory, 'raw'), enter),
    lockstep(store),
    lockstepSync(store),
    ...native.contestants,
    ...python.contestants,
    ...properLockfilePeers(directory),
    lockfilePeer(directory),
  ];
  const times = await interleave(contestants, { batches: BATCHES, cycles: CYCLES });
  const base = times(RAW).batches;
  const ours = times(OURS).batches;
  return {
    name: 'uncontended',
    title: `acquire + release, uncontended (${BATCHES} batches of up to ${CYCLES}, in turn)`,
    base: 'raw',
    rows: contestants.map(({ name }) => {
      const { batches, cycles } = times(name);
      const meanToRaw = { value: mean(batches) / mean(base), unit: 'times' } as const;
      return rowOf(name, batches, { base, single: cycles, more: { 'mean to raw': meanToRaw } });
    }),
    absent: [...native.absent, ...python.absent],
    notes: ['The mean includes rotations of the journal; p99 is of one cycle.'],
    targets: [
      atMost('lockstep, median to raw', 1.6, median(ours) / median(base)),
      atMost('lockstep, mean to raw', 2, mean(ours) / mean(base)),
      atMost('lockstep, median to Python’s filelock', 1, median(ours) / median(times(FILELOCK).batches)),
      atLeast('proper-lockfile, median to lockstep', 40, median(times(PROPER).batches) / median(ours)),
    ],
  };
}

/** The bytes of a real `enter` and a real `leave`, each with the newline in front. */
async function realRecords(store: string): Promise<Buffer[]> {
  const lease = await new Lock('sample', { store }).acquire();
  await lease.release();
  const [, ...records] = fs.readFileSync(path.join(store, 'resources/sample/journal.1'), 'utf8').split('\n');
  return records.map((record) => Buffer.from(`\n${record}`));
}

function raw(file: string, records: readonly Buffer[]): Contestant {
  const fd = fs.openSync(file, 'a+');
  const buffer = Buffer.alloc(64 * 1024);
  return {
    name: RAW,
    batch(cycles, lap) {
      fs.ftruncateSync(fd);
      let offset = 0;
      for (let cycle = 0; cycle < cycles; cycle++) {
        for (const record of records) {
          fs.writeSync(fd, record, 0, record.length, null);
          offset += fs.readSync(fd, buffer, 0, buffer.length, offset);
        }
        lap();
      }
    },
  };
}

function lockstep(store: string): Contestant {
  const lock = new Lock('async', { store });
  return {
    name: OURS,
    async batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        const lease = await lock.acquire();
        await lease.release();
        lap();
      }
    },
  };
}

function lockstepSync(store: string): Contestant {
  const lock = new Lock('sync', { store });
  return {
    name: 'lockstep acquireSync, releaseSync',
    batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        lock.acquireSync().releaseSync();
        lap();
      }
    },
  };
}
