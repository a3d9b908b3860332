import fs from 'node:fs';

/**
 * The identity of a process for the detectors: `<pid>.<start time>`. They check liveness themselves,
 * without any code that they test.
 */
export type Life = string;

/** In a container: where it sees the processes outside, with the pids that they have there. */
const PROC = process.env.CHAOS_PROC;

export function ownLife(): Life {
  const pid = PROC === undefined ? process.pid : Number(fs.readlinkSync(`${PROC}/self`));
  return lifeOf(pid) ?? `${pid}.0`;
}

/** PF_EXITING in the flags of a process: it is ending, and runs nothing of its program any more. */
const EXITING = 4;

/**
 * Null if there is no such process, or it is ending, or a zombie. The kernel closes the files of a process that was killed, and so
 * gives its lock away, before it makes it a zombie. In between the process may be interrupted for many milliseconds: a successor then
 * found it living (5 in 3,000 deaths, on a busy machine).
 */
export function lifeOf(pid: number): Life | null {
  const fields = statOf(pid);
  const isOver = ['', 'Z', 'X'].includes(fields[0] ?? '') || (Number(fields[6]) & EXITING) !== 0;
  return isOver ? null : `${pid}.${fields[19]}`;
}

export function isLiving(life: Life): boolean {
  return lifeOf(pidOf(life)) === life;
}

export function pidOf(life: Life): number {
  return Number(life.split('.')[0]);
}

/** The fields of `/proc/<pid>/stat`, from the state on; none if there is no such process. */
export function statOf(pid: number): string[] {
  try {
    const line = fs.readFileSync(`${PROC ?? '/proc'}/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** One clock for all processes of this machine, in ms. No shim changes it. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
