import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lock } from 'lockstep';
import { effort } from './effort.ts';
import { interleave } from './interleave.ts';
import { median } from './median.ts';
import { program } from './program.ts';
import { atMost, rowOf, type Section, skipped } from './section.ts';
import { count } from './table.ts';

const NAMES = effort(20_000, 20);
const ROUNDS = effort(9, 1);
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LISTING = fileURLToPath(new URL('./listing.js', import.meta.url));
const BASE = 'a bare listing';
const LIMIT = 1.5;

/** `lockstep status` over many names, against a bare script that lists their directories and reads a journal each. */
export async function status(directory: string): Promise<Section> {
  const title = `lockstep status over ${count(NAMES)} names that nobody uses (${ROUNDS} of each in turn)`;
  if (!fs.existsSync(MAIN))
    return skipped('status', title, 'the command line is not built (dist/cli/main.js is missing)');
  const store = path.join(directory, 'store');
  await makeNames(store);
  const main = [MAIN, 'status', '--dir', store];
  const contestants = [
    program(BASE, [LISTING, path.join(store, 'resources')]),
    program('lockstep status', main),
    program('lockstep status --all', [...main, '--all']),
    program('lockstep status --json', [...main, '--json']),
  ];
  const times = await interleave(contestants, { batches: ROUNDS, cycles: 1, warmUp: 1 });
  const base = times(BASE).batches;
  const measured = median(times('lockstep status').batches) / median(base);
  return {
    name: 'status',
    title,
    base: BASE,
    rows: contestants.map(({ name }) => rowOf(name, times(name).batches, { base })),
    absent: [],
    notes: ['The listing reads the directory, and one journal of each name, and does nothing with what it reads.'],
    targets: [atMost(`lockstep status to ${BASE} of ${count(NAMES)} names`, LIMIT, measured)],
  };
}

/** One name by the library, and copies of its journal: twenty thousand first uses would sync as many files. */
async function makeNames(store: string): Promise<void> {
  const resources = path.join(store, 'resources');
  await (await new Lock('name.0', { store }).acquire()).release();
  const journal = fs.readFileSync(path.join(resources, 'name.0', 'journal.1'), 'utf8');
  for (let number = 1; number < NAMES; number++) {
    const place = path.join(resources, `name.${number}`);
    fs.mkdirSync(place, { mode: 0o700 });
    fs.writeFileSync(path.join(place, 'journal.1'), journal.replace('name.0', `name.${number}`), { mode: 0o600 });
  }
}
