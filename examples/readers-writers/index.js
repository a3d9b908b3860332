/**
 * Readers and writers: readers of an index share its lock, and a writer has it alone. In a shell: `lockstep run index -s -- ./report.sh`,
 * and `lockstep run index -- ./rebuild.sh`.
 *
 * Run it:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node index.js
 *
 * It prints:
 *   3 readers are in at the same time
 *   the writer is in, alone
 *   a reader reads what was written
 */
import fs from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Barrier, Process, RWLock } from 'lockstep';

const FILE = 'index.txt';

/**
 * Runs in a process of its own: one reader. It leaves only when all readers are in.
 * @param {RWLock} lock
 * @param {Barrier} allIn
 */
export default async function read(lock, allIn) {
  await lock.withLock(
    async () => {
      const place = await allIn.wait({ timeout: 60_000 });
      if (place === 0) console.log(`${allIn.parties} readers are in at the same time`);
    },
    { mode: 'shared' },
  );
}

async function main() {
  const lock = new RWLock('index');
  const allIn = new Barrier('all-in', 3);
  const readers = Array.from({ length: 3 }, () => new Process({ module: import.meta.url, args: [lock, allIn] }));
  for (const reader of readers) reader.start();
  for (const reader of readers) await reader.result({ timeout: 60_000 });

  await lock.withLock(async () => {
    const others = await lock.tryAcquire({ mode: 'shared' });
    console.log(`the writer is in, ${others === null ? 'alone' : 'and a reader, too'}`);
    await fs.writeFile(FILE, 'what was written');
  });
  await lock.withLock(async () => console.log(`a reader reads ${await fs.readFile(FILE, 'utf8')}`), { mode: 'shared' });
}

// In a child this file is a module, and not the program.
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
