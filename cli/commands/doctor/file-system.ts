import { Findings } from './finding.ts';
import type { Opened, Patient } from './patient.ts';

const LEAST_BYTES = 1024 ** 2;
const FEW_BYTES = 64 * 1024 ** 2;
const LEAST_FILES = 10;
const FEW_FILES = 1_000;
const IN_MEMORY = ['tmpfs', 'ramfs'];

/** Checks the type of file system, and what it means for the store. */
export function checkFileSystem({ system, nearest }: Patient, directory: Opened['directory'] | null): Findings {
  const found = new Findings('file system');
  const mount = system.mountOf(nearest);
  if (!mount) return found;
  const where = mount.at;
  if (mount.options.includes('ro')) {
    found.problem({
      what: `${mount.at} is mounted read-only`,
      where,
      why: 'No process can acquire anything there.',
      remedy: 'Mount it writable, or choose another store with LOCKSTEP_DIR.',
    });
  }
  if (IN_MEMORY.includes(mount.type)) {
    found.warning({
      what: `the store is in memory (${mount.type}): a reboot empties it`,
      where,
      why: 'Locks end at a reboot anyway; but events, counters and records of jobs are lost, and fencing tokens keep growing only if the clock is right.',
      remedy: 'If anything is to survive a reboot, choose a directory on a disk.',
    });
  } else if (mount.type === 'overlay') {
    found.warning({
      what: 'the store is in a container’s own layer (overlay)',
      where,
      why: 'It is lost with the container, and no process outside shares its locks.',
      remedy: 'If other processes are to share it, mount a directory of the host and set LOCKSTEP_DIR to it.',
    });
  } else if (mount.type.startsWith('fuse')) {
    found.warning({
      what: `the store is on a file system in user space (${mount.type})`,
      where,
      why: 'If other machines mount it too (sshfs and the like), appends are not atomic, and two processes may hold one lock.',
      remedy: 'If it is a network file system, choose a local directory.',
    });
  }
  if (directory?.guarded) {
    found.note({
      what: 'it is a guarded store: each append is made under a lock of its own',
      where,
      why: 'That is slow; it is meant for a few machines that share a directory.',
      remedy: 'If only one machine uses it, choose a new directory without LOCKSTEP_GUARDED.',
    });
  }
  if (found.isCalm)
    found.ok(
      `its file system is ${mount.type}, ${directory?.local === false ? 'not known to be local' : 'local'}`,
      where,
    );
  return found;
}

/** Checks the space for more records. */
export function checkSpace({ system, nearest }: Patient): Findings {
  const found = new Findings('space');
  const { bytes, files } = system.spaceIn(nearest);
  const why = 'When it is full, no process can acquire anything, or release it before the process ends.';
  const words = {
    what: `there is space for only ${inMegabytes(bytes)} more`,
    where: nearest,
    why,
    remedy: 'Free some space.',
  };
  if (bytes < LEAST_BYTES) found.problem(words);
  else if (bytes < FEW_BYTES) found.warning(words);
  const few = {
    what: `there is space for only ${files} more files`,
    where: nearest,
    why,
    remedy: 'Remove files that are not needed.',
  };
  if (files !== null && files < LEAST_FILES) found.problem(few);
  else if (files !== null && files < FEW_FILES) found.warning(few);
  if (found.isCalm)
    found.ok(`there is space: ${inMegabytes(bytes)}${files === null ? '' : `, ${files} files`}`, nearest);
  return found;
}

function inMegabytes(bytes: number): string {
  return bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(1)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
