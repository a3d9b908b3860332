import fs from 'node:fs';
import os from 'node:os';
import { atSignals, signalsRestored, withoutSignalHandlers } from './end-signals.ts';
import { isErrno } from './errno.ts';
import { atExit } from './exit-hooks.ts';
import type { Processes, ProcessFacts, ProcessState } from './host.ts';
import { bootedAt, exists, readOrNull, statOf } from './process-table.ts';

/** The kernel's id of this thread, to detect that a worker thread has ended while its process lives. */
function ownThread(): number {
  try {
    return Number(fs.readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return process.pid;
  }
}

function ownNamespace(kind: 'pid' | 'time'): number {
  if (process.platform !== 'linux') return 1;
  try {
    return Number(/\d+/.exec(fs.readlinkSync(`/proc/self/ns/${kind}`))?.[0] ?? 0);
  } catch (error) {
    // Linux before 5.6 has one clock for all.
    return kind === 'time' && isErrno(error, 'ENOENT') && fs.existsSync('/proc/self/ns/pid') ? 1 : 0;
  }
}

/**
 * The kernel's id of this boot; empty where it is not known. Systems without one have no pid namespaces either: there
 * the host name stands for the kernel.
 */
function ownBoot(): string {
  if (process.platform !== 'linux') return `${process.platform}@${os.hostname()}`;
  return readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
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
      boot: ownBoot(),
      namespace: ownNamespace('pid'),
      time: ownNamespace('time'),
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
    if (stat) return { start: stat.start, zombie: stat.zombie, stopped: stat.stopped };
    // 3. A thread that ended, whose id is another process's by now: its process can be seen, and does not have it.
    return tid !== pid && statOf(pid, pid) && !statOf(pid, tid) ? 'gone' : 'unknown';
  },
  bootedAt,
  uid: () => process.geteuid?.() ?? -1,
  // It must be unique, not secret, and loading node:crypto would cost a command line 3 ms. `node --random-seed` gives
  // every process the same random numbers, so the pid and the time in ns are part of it.
  nonce: () => hexDigits() + process.pid.toString(16) + (process.hrtime.bigint() & 0xffffffffn).toString(16),
  atExit,
  atSignals,
  signalsRestored,
  blocking: withoutSignalHandlers,
};
