/**
 * A heartbeat, and a program that watches it: the importer reports that it lives, is killed, and the watcher sees it. `lockstep beat`
 * and `lockstep monitor` do the same in a shell.
 *
 * Run it:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node monitor.js
 *
 * It prints:
 *   importer: alive
 *   importer: gone
 */
import { fileURLToPath } from 'node:url';
import { Event, heartbeat, Process } from 'lockstep';
import { isWell, openMonitor } from 'lockstep/monitor';

/**
 * Runs in a process of its own: imports for ever.
 * @param {Event} started
 */
export default async function importer(started) {
  heartbeat('importer', { interval: 500 });
  await started.set();
  setInterval(() => undefined, 1_000); // the work
}

async function main() {
  const started = new Event('importer-started');
  await started.clear();
  const child = new Process({ module: import.meta.url, args: [started], daemon: true });
  child.start();
  await started.wait({ timeout: 60_000 });

  const monitor = openMonitor({ names: ['importer'] });
  for (let before = ''; ; await new Promise((resolve) => setTimeout(resolve, monitor.pollMs))) {
    const [status] = monitor.look();
    if (!status) continue;
    if (status.state !== before) console.log(`${status.name}: ${status.state}`);
    before = status.state;
    if (!isWell(status.state)) return; // here it would alert somebody: status.reason says why
    child.kill(); // what a watcher is there for
  }
}

// In a child this file is a module, and not the program.
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
