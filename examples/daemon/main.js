/**
 * A daemon beside a main process: it runs for as long as main, and is ended when main ends, also by an error or by SIGKILL.
 *
 * Run it:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node main.js
 *   npx lockstep run sampler -w 10s -q -- echo 'the sampler is gone'
 *
 * It prints:
 *   the sampler runs
 *   main: 3 samples
 *   the sampler is gone
 */
import { fileURLToPath } from 'node:url';
import { Counter, Event, Lock, Process } from 'lockstep';

/**
 * Runs in a process of its own: takes samples for ever.
 * @param {Counter} samples
 * @param {Event} enough
 */
export default async function sample(samples, enough) {
  await new Lock('sampler').acquire(); // as long as it lives, for the last line of the example
  console.log('the sampler runs');
  for (;;) {
    if ((await samples.add(1)) === 3) await enough.set();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function main() {
  const samples = new Counter('samples');
  const enough = new Event('enough');
  const sampler = new Process({ module: import.meta.url, args: [samples, enough], daemon: true });
  sampler.start();
  await enough.wait({ timeout: 60_000 }); // the work
  console.log('main: 3 samples');
}

// In a child this file is a module, and not the program.
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
