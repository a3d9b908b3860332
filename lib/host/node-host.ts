import type { Clock } from '../time/clock.ts';
import { later } from '../time/timer.ts';
import type { Host } from './host.ts';
import { monotonicMs } from './monotonic.ts';
import { nodeFiles } from './node-files.ts';
import { nodeProcesses } from './node-processes.ts';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

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
