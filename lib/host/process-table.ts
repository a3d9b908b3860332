import fs from 'node:fs';
import { isErrno } from './errno.ts';

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

/** Parses a `/proc/…/stat` line. The command name before the fields may contain anything, even `)`. */
function parseStat(line: string): Stat | null {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const start = Number(fields[19]);
  if (!Number.isSafeInteger(start)) return null;
  const zombie = fields[0] === 'Z' || fields[0] === 'X';
  return { start, zombie, stopped: fields[0] === 'T', parent: Number(fields[1]), group: Number(fields[2]) };
}

/**
 * Whether `/proc` shows the pids of this process's namespace. After a bare `unshare --pid` it still shows those of the
 * namespace outside, where the same pid is another process.
 */
let procIsOurs: boolean | undefined;

export function seesOwnNamespace(): boolean {
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
 * Whether a member of a process group runs. `kill` alone also counts zombies, and their parent may be a pid 1 that is
 * slow to reap them.
 */
export function isGroupRunning(group: number): boolean {
  if (!exists(-group)) return false;
  const table = processTable();
  return table === null || table.some((row) => row.group === group && !row.zombie);
}

/** A process in the kernel's table. `pid` and `start` together identify it for ever. */
export interface ProcessRow extends Stat {
  pid: number;
}

/** Whether the system shows which processes there are. */
export function seesProcesses(): boolean {
  return process.platform === 'linux' && seesOwnNamespace();
}

/** Every visible process, or null where the system does not list them. */
export function processTable(): ProcessRow[] | null {
  if (!seesProcesses()) return null;
  return fs.readdirSync('/proc').flatMap((entry) => {
    const pid = /^\d+$/.test(entry) ? Number(entry) : 0;
    const stat = pid === 0 ? null : statOf(pid, pid);
    return stat ? [{ pid, ...stat }] : [];
  });
}

/** Whether a process was given this variable, as `NAME=value`. False also where its environment may not be read. */
export function hasInEnvironment(pid: number, variable: string): boolean {
  const environment = readOrNull(`/proc/${pid}/environ`);
  return environment?.split('\0').includes(variable) ?? false;
}

export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process is another user's, and exists.
    return !isErrno(error, 'ESRCH');
  }
}
