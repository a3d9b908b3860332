import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A script nests fewer subshells. */
const MAX_NESTED = 32;
const ACCESS_MODE = 0o3;
const O_RDONLY = 0;

/**
 * The shell that called this process: its parent; or, in a command substitution (`token=$(lockstep …; …)`), the shell that reads
 * what is printed. The subshell in between ends a moment later.
 *
 * Where the system does not show other processes it is the parent.
 */
export function callingShell(): number {
  const [parent, ...around] = shellsAround();
  const pipe = ownPipe();
  return (pipe !== null && around.find((pid) => reads(pid, pipe))) || (parent ?? process.ppid);
}

/**
 * The subshell that called this process, if the pid is that of a shell around it. There `$$` is not the pid of the subshell, but
 * of the whole script. Null if it is no subshell, or that is not known.
 */
export function subshellOf(pid: number): number | null {
  const caller = callingShell();
  return caller !== pid && shellsAround().includes(pid) ? caller : null;
}

/** The parent, and the shells that it is a subshell of, the innermost first: a fork has its parent's command line. */
function shellsAround(): number[] {
  const shells = [process.ppid];
  const command = commandOf(process.ppid);
  for (let depth = 0; depth < MAX_NESTED && command !== ''; depth++) {
    const parent = parentOf(shells.at(-1) ?? 0);
    if (parent <= 1 || commandOf(parent) !== command) break;
    shells.push(parent);
  }
  return shells;
}

function commandOf(pid: number): string {
  return orElse('', () => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
}

function parentOf(pid: number): number {
  return orElse(0, () => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  });
}

/** Our stdout, as /proc names it; null if it is no pipe. */
function ownPipe(): string | null {
  return orElse(null, () => {
    const stdout = fstatSync(1);
    return stdout.isFIFO() ? `pipe:[${stdout.ino}]` : null;
  });
}

/** Whether a process has the end of a pipe that is read. */
function reads(pid: number, pipe: string): boolean {
  const descriptors = orElse([], () => readdirSync(`/proc/${pid}/fd`));
  return descriptors.some((fd) => orElse('', () => readlinkSync(`/proc/${pid}/fd/${fd}`)) === pipe && isRead(pid, fd));
}

function isRead(pid: number, fd: string): boolean {
  const [, flags] =
    /^flags:\s*([0-7]+)$/m.exec(orElse('', () => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))) ?? [];
  return flags !== undefined && (Number.parseInt(flags, 8) & ACCESS_MODE) === O_RDONLY;
}

/** The process may be another user's, or gone; or there is no /proc. */
function orElse<T>(otherwise: T, look: () => T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
