import { Findings } from './finding.ts';
import type { Opened, Patient } from './patient.ts';

const LEAST_BYTES = 1024 ** 2;
const FEW_BYTES = 64 * 1024 ** 2;
const LEAST_FILES = 10;
const FEW_FILES = 1_000;
const IN_MEMORY = ['tmpfs', 'ramfs'];

/** What kind it is, and what that means for what is kept there. */
export function checkFileSystem({ system, nearest }: Patient, directory: Opened['directory'] | null): Findings {
  const found = new Findings('file system');
  const mount = system.mountOf(nearest);
  if (!mount) return found;
  const where = mount.at;
  if (mount.options.includes('ro')) {
    found.problem({
      what: `${mount.at} is mounted read-only`,
      where,
      why: 'Nobody can acquire anything there.',
      remedy: 'Mount it for writing, or choose another store with LOCKSTEP_DIR.',
    });
  }
  if (IN_MEMORY.includes(mount.type)) {
    found.warning({
      what: `the store is in memory (${mount.type}): a reboot empties it`,
      where,
      why: 'Locks end at a reboot anyway; but events, counters and the runs of jobs are gone, and fencing tokens grow on only if the clock is right.',
      remedy: 'If something is to outlast a reboot, choose a directory on a disk.',
    });
  } else if (mount.type === 'overlay') {
    found.warning({
      what: 'the store is in a container’s own layer (overlay)',
      where,
      why: 'It is gone with the container, and nobody outside of it shares its locks.',
      remedy: 'If others are to share it, mount a directory of the host and name it with LOCKSTEP_DIR.',
    });
  } else if (mount.type.startsWith('fuse')) {
    found.warning({
      what: `the store is on a file system in user space (${mount.type})`,
      where,
      why: 'If other machines have it mounted too (sshfs and the like), appends are not atomic, and two may hold one lock.',
      remedy: 'If it is a network, choose a local directory.',
    });
  }
  if (directory?.guarded) {
    found.note({
      what: 'it is a guarded store: every append is made under a lock of its own',
      where,
      why: 'That is slow, and meant for a few machines that share a directory.',
      remedy: 'On one machine alone, choose a new directory without LOCKSTEP_GUARDED.',
    });
  }
  if (found.isCalm)
    found.ok(
      `its file system is ${mount.type}, ${directory?.local === false ? 'not known to be local' : 'local'}`,
      where,
    );
  return found;
}

/** Whether there is room for more records. */
export function checkSpace({ system, nearest }: Patient): Findings {
  const found = new Findings('space');
  const { bytes, files } = system.spaceIn(nearest);
  const why = 'When it is full, nobody can acquire anything, nor give it back before their process ends.';
  const words = {
    what: `there is room for ${inMegabytes(bytes)} more`,
    where: nearest,
    why,
    remedy: 'Free some space.',
  };
  if (bytes < LEAST_BYTES) found.problem(words);
  else if (bytes < FEW_BYTES) found.warning(words);
  const few = {
    what: `there is room for ${files} more files`,
    where: nearest,
    why,
    remedy: 'Remove files that nobody needs.',
  };
  if (files !== null && files < LEAST_FILES) found.problem(few);
  else if (files !== null && files < FEW_FILES) found.warning(few);
  if (found.isCalm)
    found.ok(`there is room: ${inMegabytes(bytes)}${files === null ? '' : `, ${files} files`}`, nearest);
  return found;
}

function inMegabytes(bytes: number): string {
  return bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(1)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
