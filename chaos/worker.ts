import { EtcdTasks } from './etcd/tasks.ts';
import { Random } from './random.ts';
import { Ground } from './scenery.ts';
import { type Chores, Tasks } from './tasks.ts';
import type { WorkerReport, WorkerSetup } from './worker-setup.ts';

// One process of the crowd: does random tasks until it is asked to finish, has done enough, or is killed.

const MOST_CYCLES = 2_000;
const REPORT_EVERY_MS = 100;

const setup = JSON.parse(process.argv[2] ?? '{}') as WorkerSetup;
const random = new Random(setup.seed);
let finishing = false;
let cycles = 0;
let reportedAt = 0;

function report(message: WorkerReport): void {
  // The channel is closed once our parent is gone.
  process.send?.(message, () => undefined);
}

process.on('message', () => {
  finishing = true;
});
process.on('disconnect', () => process.exit(0));
// Our parent was killed before we listened.
if (!process.connected) process.exit(0);

const options = { ground: new Ground(setup.root), place: setup.store, random, breaks: setup.breaks, report };
const tasks: Chores = setup.store.startsWith('etcd') ? new EtcdTasks(options) : new Tasks(options);
// Before Lockstep releases everything: our markers must be gone by then. On SIGTERM it leaves the decision to this handler,
// and releases when the signal comes again.
process.on('exit', () => tasks.vanish());
process.once('SIGTERM', () => {
  tasks.vanish();
  process.kill(process.pid, 'SIGTERM');
});

report({ is: 'ready' });
const most = random.whole(MOST_CYCLES / 20, MOST_CYCLES);
while (!finishing && cycles < most) {
  const task = tasks.choose();
  const now = performance.now();
  if (now - reportedAt >= REPORT_EVERY_MS) {
    reportedAt = now;
    report({ is: 'at', cycles, what: task });
  }
  await tasks.run(task);
  cycles += 1;
  // Receive messages even if every wait ended at once.
  if (cycles % 4 === 0) await new Promise(setImmediate);
}
if (process.connected) process.disconnect();
