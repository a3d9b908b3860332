import fs from 'node:fs';
import { codeOf } from './system-error.ts';

export function readOrNull(path: string): string | null {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** When this kernel was booted, by the wall clock in ms; null where it is not known. */
export function bootedAt(): number | null {
  const seconds = /^btime (\d+)$/m.exec(readOrNull('/proc/stat') ?? '')?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

interface Stat {
  start: number;
  zombie: boolean;
  stopped: boolean;
  parent: number;
  group: number;
}

/** What a `/proc/…/stat` line says. The name before the fields may hold anything, even `)`. */
function parseStat(line: string): Stat | null {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const start = Number(fields[19]);
  if (!Number.isSafeInteger(start)) return null;
  const zombie = fields[0] === 'Z' || fields[0] === 'X';
  return { start, zombie, stopped: fields[0] === 'T', parent: Number(fields[1]), group: Number(fields[2]) };
}

/**
 * Whether `/proc` shows the pids of our own namespace. After a bare `unshare --pid` it still shows those
 * of the one outside, and what it says of a pid would be about somebody else.
 */
let procIsOurs: boolean | undefined;

function seesOwnNamespace(): boolean {
  try {
    procIsOurs ??= fs.readlinkSync('/proc/self') === String(process.pid);
  } catch {
    procIsOurs = false;
  }
  return procIsOurs;
}

export function statOf(pid: number, tid: number): Stat | null {
  if (!seesOwnNamespace()) return null;
  const line = readOrNull(tid === pid ? `/proc/${pid}/stat` : `/proc/${pid}/task/${tid}/stat`);
  return line === null ? null : parseStat(line);
}

/**
 * Whether one of a process group's members runs. A dead one that its parent has not heard of yet still
 * counts for `kill`, and its parent may be a pid 1 that takes its time.
 */
export function isGroupRunning(group: number): boolean {
  if (!exists(-group)) return false;
  const table = processTable();
  return table === null || table.some((row) => row.group === group && !row.zombie);
}

/** One process, as the kernel's table has it. `pid` and `start` together are no other one's, ever. */
export interface ProcessRow extends Stat {
  pid: number;
}

/** Every process that can be seen, or null where the system does not tell. */
export function processTable(): ProcessRow[] | null {
  if (process.platform !== 'linux' || !seesOwnNamespace()) return null;
  return fs.readdirSync('/proc').flatMap((entry) => {
    const pid = /^\d+$/.test(entry) ? Number(entry) : 0;
    const stat = pid === 0 ? null : statOf(pid, pid);
    return stat ? [{ pid, ...stat }] : [];
  });
}

export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM is another user's process: it is there.
    return codeOf(error) !== 'ESRCH';
  }
}
