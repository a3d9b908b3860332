import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Lease, Lock } from 'lockstep';
import { effort } from './effort.ts';
import { type Contestant, interleave } from './interleave.ts';
import { atMost, rowOf, type Section } from './section.ts';
import { count } from './table.ts';

const TASKS = [10, effort(1_000, 20)] as const;
const PROCESSES = [effort(20, 2), effort(100, 4)] as const;
const ROUNDS = effort(9, 1);
const WORKER = fileURLToPath(new URL('./waiting-worker.js', import.meta.url));

interface Crowd extends Contestant {
  end(): Promise<void>;
}

/** One turn in a small and in a large crowd on one lock: of tasks in one process, and of processes. */
export async function waiting(directory: string): Promise<Section> {
  const store = path.join(directory, 'store');
  const tasks = await measured(
    TASKS.map((size) => ofTasks(store, size)),
    TASKS[1],
  );
  const processes = await measured(
    PROCESSES.map((size) => ofProcesses(store, size)),
    PROCESSES[1],
  );
  const growth = (rows: Array<{ median: number }>) => (rows[1]?.median ?? Number.NaN) / (rows[0]?.median ?? Number.NaN);
  return {
    name: 'waiting',
    title: `one turn among many that wait for one lock (${ROUNDS} rounds of each size in turn, the same number of turns)`,
    rows: [...tasks, ...processes],
    absent: [],
    notes: [
      'One more waiter stands behind the crowd: from its release to its next turn each of the others has had one.',
    ],
    targets: [
      atMost(`a turn among ${count(TASKS[1])} tasks to one among ${TASKS[0]}`, 1.3, growth(tasks)),
      atMost(`a turn among ${PROCESSES[1]} processes to one among ${PROCESSES[0]}`, 1.5, growth(processes)),
    ],
  };
}

async function measured(starting: readonly Promise<Crowd>[], turns: number) {
  const crowds = await Promise.all(starting);
  try {
    const times = await interleave(crowds, { batches: ROUNDS, cycles: turns, warmUp: effort(2, 0) });
    return crowds.map(({ name }) => rowOf(name, times(name).batches));
  } finally {
    for (const { end } of crowds) await end();
  }
}

/** The lock, and the lease of the one who stands behind the crowd. While it holds, the crowd stands still. */
async function turnsOf(store: string, size: number, kind: string, join: (name: string) => Promise<void>) {
  const name = `${kind}.${size}`;
  const lock = new Lock(name, { store });
  let lease: Lease = await lock.acquire();
  await join(name);
  return {
    name: `${count(size)} ${kind}`,
    async batch(cycles: number) {
      for (let turns = 0; turns < cycles; turns += size) {
        await lease.release();
        lease = await lock.acquire();
      }
    },
    free: () => lease.release(),
  };
}

async function ofTasks(store: string, size: number): Promise<Crowd> {
  const ending = new AbortController();
  const tasks: Promise<void>[] = [];
  const { free, ...turns } = await turnsOf(store, size, 'tasks', async (name) => {
    const lock = new Lock(name, { store });
    for (let task = 0; task < size; task++) tasks.push(turnsUntil(lock, ending.signal));
  });
  return {
    ...turns,
    async end() {
      ending.abort();
      await Promise.all(tasks);
      await free();
    },
  };
}

async function turnsUntil(lock: Lock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const lease = await lock.acquire({ signal }).catch(() => null);
    await lease?.release();
  }
}

async function ofProcesses(store: string, size: number): Promise<Crowd> {
  const workers: ChildProcess[] = [];
  const { free, ...turns } = await turnsOf(store, size, 'processes', async (name) => {
    for (let at = 0; at < size; at++) workers.push(fork(WORKER, [store, name], { stdio: 'inherit' }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
  });
  return {
    ...turns,
    async end() {
      const ends = workers.map((worker) => once(worker, 'exit'));
      for (const worker of workers) worker.kill('SIGKILL');
      await Promise.all(ends);
      await free();
    },
  };
}
