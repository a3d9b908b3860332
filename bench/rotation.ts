import fs from 'node:fs';
import path from 'node:path';
import { effort } from './effort.ts';
import { type Contestant, interleave } from './interleave.ts';
import { rowOf, type Section } from './section.ts';

const BATCHES = effort(200, 3);
const HEADER = Buffer.from('["lockstep",1,{"name":"deploy","kind":"lock","permits":1,"last":0,"entries":[]}]');

/** The cost of syncing the next epoch's file before it gets its name. */
export async function rotation(directory: string): Promise<Section> {
  const contestants = [
    publisher(path.join(directory, 'plain'), false),
    publisher(path.join(directory, 'synced'), true),
  ];
  const times = await interleave(contestants, { batches: BATCHES, cycles: 1 });
  const base = times('without fdatasync').batches;
  return {
    name: 'rotation',
    title: `putting an epoch's file in place (${BATCHES} pairs)`,
    base: 'without',
    rows: contestants.map(({ name }) => rowOf(name, times(name).batches, { base })),
    absent: [],
    notes: [],
    targets: [],
  };
}

/** The steps of `Journal`'s rotation, on separate files. */
function publisher(directory: string, sync: boolean): Contestant {
  fs.mkdirSync(directory);
  let epoch = 0;
  return {
    name: sync ? 'with fdatasync' : 'without fdatasync',
    batch() {
      epoch += 1;
      const draft = path.join(directory, `next.${epoch}`);
      const fd = fs.openSync(draft, 'wx', 0o600);
      fs.writeSync(fd, HEADER, 0, HEADER.length, null);
      if (sync) fs.fdatasyncSync(fd);
      fs.closeSync(fd);
      fs.linkSync(draft, path.join(directory, `journal.${epoch}`));
      fs.unlinkSync(draft);
      fs.rmSync(path.join(directory, `journal.${epoch - 2}`), { force: true });
    },
  };
}
