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

/** Null if there is no such process, or it is a zombie. */
export function lifeOf(pid: number): Life | null {
  const line = statLine(pid);
  if (line === null) return null;
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : `${pid}.${fields[19]}`;
}

export function isLiving(life: Life): boolean {
  return lifeOf(pidOf(life)) === life;
}

export function pidOf(life: Life): number {
  return Number(life.split('.')[0]);
}

function statLine(pid: number): string | null {
  try {
    return fs.readFileSync(`${PROC ?? '/proc'}/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
}

/** One clock for all processes of this machine, in ms. No shim changes it. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
