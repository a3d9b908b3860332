/**
 * A ticket office on a JSON file: eight processes sell from five tickets, and never one too many. An update holds the lock of the
 * file, and replaces the file as a whole, so that readers need no lock. `lockstep edit tickets.json -- jq '.left -= 1'` uses the same lock.
 *
 * Run it:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node office.js
 *   cat tickets.json
 *
 * It prints:
 *   5 sold, 3 went without
 *   {
 *     "left": 0,
 *     "sold": 5
 *   }
 */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { JsonFile, Process } from 'lockstep';

const FILE = 'tickets.json';

/** Runs in a process of its own: one buyer. Returns whether there was a ticket. */
export default async function buy() {
  /** @type {JsonFile<{ left: number, sold: number }>} */
  const file = new JsonFile(FILE);
  let got = false;
  await file.update((tickets) => {
    got = tickets.left > 0;
    if (!got) return;
    tickets.left -= 1;
    tickets.sold += 1;
  });
  return got;
}

async function main() {
  fs.writeFileSync(FILE, '{\n  "left": 5,\n  "sold": 0\n}\n');
  const buyers = Array.from({ length: 8 }, () => new Process({ module: import.meta.url }));
  for (const buyer of buyers) buyer.start();
  const got = await Promise.all(buyers.map((buyer) => buyer.result({ timeout: 60_000 })));
  const sold = got.filter(Boolean).length;
  console.log(`${sold} sold, ${got.length - sold} went without`);
}

// In a child this file is a module, and not the program.
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
