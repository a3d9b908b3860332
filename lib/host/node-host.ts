import type { Clock } from '../time/clock.ts';
import { later } from '../time/timer.ts';
import type { Host } from './host.ts';
import { nodeFiles } from './node-files.ts';
import { nodeProcesses } from './node-processes.ts';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Not `performance.now()`: its first use loads a dozen modules of Node's, which costs time and memory at each start. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}

const nodeClock: Clock = {
  wallMicros: () => Date.now() * 1000,
  monotonicMs,
  sleep(ms) {
    Atomics.wait(sleeper, 0, 0, ms);
  },
  timer: (ms, keepAlive, callback) => later(ms, callback, keepAlive),
};

/** The real machine. */
export const nodeHost: Host = { files: nodeFiles, processes: nodeProcesses, clock: nodeClock };
