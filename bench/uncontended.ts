import fs from 'node:fs';
import path from 'node:path';
import { Lock } from 'lockstep';
import lockfile from 'proper-lockfile';
import { type Contestant, interleave } from './interleave.ts';
import { mean, median } from './median.ts';
import { duration, ratio, table } from './table.ts';

const BATCHES = 200;
/** Few, so that most batches have no rotation: the median excludes rotations, the mean includes their share. */
const CYCLES = 50;

/** One process acquires and releases an uncontended lock. */
export async function uncontended(directory: string): Promise<void> {
  const store = path.join(directory, 'uncontended');
  const enter = await realRecords(store);
  const contestants = [
    raw(path.join(directory, 'raw'), enter),
    lockstep(store),
    lockstepSync(store),
    properLockfile(path.join(directory, 'peer')),
    properLockfileSync(path.join(directory, 'peer-sync')),
  ];
  const times = await interleave(contestants, { batches: BATCHES, cycles: CYCLES });
  const base = times.get('raw') ?? [];
  const ours = times.get('lockstep') ?? [];
  console.log(`acquire + release, uncontended (${BATCHES} batches of ${CYCLES})`);
  const rows = [['', 'median', 'to raw', 'to lockstep', 'mean', 'mean to raw']];
  for (const { name } of contestants) {
    const own = times.get(name) ?? [];
    rows.push([
      NAMES[name] ?? name,
      duration(median(own)),
      ratio(median(own), median(base)),
      ratio(median(own), median(ours)),
      duration(mean(own)),
      ratio(mean(own), mean(base)),
    ]);
  }
  process.stdout.write(table(rows));
  console.log(
    '  Targets: lockstep at most 2× raw; proper-lockfile at least 25× lockstep. The mean includes rotations.\n',
  );
}

const NAMES: Record<string, string> = {
  raw: 'raw: append, read, append, read',
  lockstep: 'lockstep acquire, release',
  'lockstep sync': 'lockstep acquireSync, releaseSync',
  peer: 'proper-lockfile lock, unlock',
  'peer sync': 'proper-lockfile lockSync, unlockSync',
};

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
    name: 'raw',
    batch(cycles) {
      fs.ftruncateSync(fd);
      let offset = 0;
      for (let cycle = 0; cycle < cycles; cycle++) {
        for (const record of records) {
          fs.writeSync(fd, record, 0, record.length, null);
          offset += fs.readSync(fd, buffer, 0, buffer.length, offset);
        }
      }
    },
  };
}

function lockstep(store: string): Contestant {
  const lock = new Lock('async', { store });
  return {
    name: 'lockstep',
    async batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        const lease = await lock.acquire();
        await lease.release();
      }
    },
  };
}

function lockstepSync(store: string): Contestant {
  const lock = new Lock('sync', { store });
  return {
    name: 'lockstep sync',
    batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) lock.acquireSync().releaseSync();
    },
  };
}

function properLockfile(file: string): Contestant {
  fs.writeFileSync(file, '');
  return {
    name: 'peer',
    async batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await lockfile.lock(file);
        await lockfile.unlock(file);
      }
    },
  };
}

function properLockfileSync(file: string): Contestant {
  fs.writeFileSync(file, '');
  return {
    name: 'peer sync',
    batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        lockfile.lockSync(file);
        lockfile.unlockSync(file);
      }
    },
  };
}
