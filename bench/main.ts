import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { counting } from './counting.ts';
import { deadlock } from './deadlock.ts';
import { fold } from './fold.ts';
import { handoff } from './handoff.ts';
import { machineFacts } from './machine.ts';
import { memory } from './memory.ts';
import { monitor } from './monitor.ts';
import { recovery } from './recovery.ts';
import { replacing } from './replacing.ts';
import { rotation } from './rotation.ts';
import { startup } from './startup.ts';
import { uncontended } from './uncontended.ts';

// `npm run bench`, or `npm run bench -- NAME…` for some of them. It prints times and does not judge them.

const BENCHMARKS: Record<string, (directory: string) => void | Promise<void>> = {
  uncontended,
  handoff,
  recovery,
  startup,
  memory,
  fold,
  rotation,
  replacing,
  monitor,
  deadlock,
  counting,
};

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BENCHMARKS);
const unknown = chosen.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(64);
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-bench-'));
try {
  console.log(`${machineFacts(directory)}\n`);
  for (const name of chosen) await BENCHMARKS[name]?.(directory);
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
