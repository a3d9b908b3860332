import fs from 'node:fs';
import path from 'node:path';
import { sharedNumber, WAYS, type Way } from './edits.ts';
import { effort } from './effort.ts';
import { type Contestant, interleave } from './interleave.ts';
import { median } from './median.ts';
import { atMost, rowOf, type Section } from './section.ts';

const BATCHES = effort(60, 1);
const CYCLES = 5;
const PEER: Way = 'proper-lockfile + write-file-atomic';

/** One update of a number that processes share, with nobody else there. */
export async function updating(directory: string): Promise<Section> {
  const contestants = await Promise.all(WAYS.map((way) => updater(way, path.join(directory, way.replaceAll(' ', '')))));
  const times = await interleave(contestants, { batches: BATCHES, cycles: CYCLES });
  const base = times(PEER).batches;
  return {
    name: 'updating',
    title: `one update of a shared number, uncontended (${BATCHES} batches of ${CYCLES})`,
    base: PEER,
    rows: WAYS.map((way) => rowOf(way, times(way).batches, { base, single: times(way).cycles })),
    absent: [],
    notes: ['Counter.add is one record, and no lock. The others sync a new file, and rename it into place.'],
    targets: [atMost(`JsonFile.update to ${PEER}`, 1, median(times('JsonFile.update').batches) / median(base))],
  };
}

async function updater(way: Way, place: string): Promise<Contestant> {
  fs.mkdirSync(place, { mode: 0o700 });
  const number = sharedNumber(way, place);
  await number.begin(1_000_000);
  return {
    name: way,
    async batch(cycles, lap) {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await number.take();
        lap();
      }
    },
  };
}
