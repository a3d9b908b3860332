import fs from 'node:fs';
import os from 'node:os';
import { atSignals, signalsRestored, withoutSignalHandlers } from './end-signals.ts';
import { atExit } from './exit-hooks.ts';
import type { Processes, ProcessFacts, ProcessState } from './host.ts';
import { exists, readOrNull, statOf } from './process-table.ts';

/** The kernel's id of this thread, to detect that a worker thread has ended while its process lives. */
function ownThread(): number {
  try {
    return Number(fs.readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return process.pid;
  }
}

function ownNamespace(): number {
  try {
    return Number(/\d+/.exec(fs.readlinkSync('/proc/self/ns/pid'))?.[0] ?? 0);
  } catch {
    return 0;
  }
}

let self: ProcessFacts | undefined;

function hexDigits(): string {
  return Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

/** The real processes. */
export const nodeProcesses: Processes = {
  self() {
    if (self) return self;
    const tid = ownThread();
    self = {
      pid: process.pid,
      tid,
      start: statOf(process.pid, tid)?.start ?? 0,
      boot: readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? '',
      namespace: ownNamespace(),
      host: os.hostname(),
    };
    return self;
  },
  state(pid, tid): ProcessState {
    // 1. `kill` before `/proc`: with the mount option hidepid, processes of other users have no directory there,
    //    and that must not be taken for "gone".
    if (!exists(tid) || (tid !== pid && !exists(pid))) return 'gone';
    // 2. It may end right here: then `/proc` has nothing, and the next call returns "gone".
    const stat = statOf(pid, tid);
    return stat ? { start: stat.start, zombie: stat.zombie, stopped: stat.stopped } : 'unknown';
  },
  uid: () => process.geteuid?.() ?? -1,
  // It must be unique, not secret, and loading node:crypto would cost a command line 3 ms. `node --random-seed` gives
  // every process the same random numbers, so the pid and the time in ns are part of it.
  nonce: () => hexDigits() + process.pid.toString(16) + (process.hrtime.bigint() & 0xffffffffn).toString(16),
  atExit,
  atSignals,
  signalsRestored,
  blocking: withoutSignalHandlers,
};
