import { Findings } from './finding.ts';
import type { Patient } from './patient.ts';

/** From this share of a limit on, a warning is given. */
const NEAR = 0.9;

/** Checks what Lockstep itself needs. */
export function checkSystem({ system, oldestNode }: Patient): Findings {
  const found = new Findings('system');
  if (isOlder(system.nodeVersion, oldestNode)) {
    found.problem({
      what: `this is Node ${system.nodeVersion}, and Lockstep needs ${oldestNode} or newer`,
      where: process.execPath,
      why: 'It is not tested with that version.',
      remedy: 'Install a newer Node.',
    });
  }
  if (system.platform !== 'win32' && !system.isExecutable('/bin/sh')) {
    found.problem({
      what: 'there is no executable /bin/sh',
      where: '/bin/sh',
      why: 'It starts all commands.',
      remedy: 'Install a shell there.',
    });
  }
  if (system.platform !== 'linux') {
    found.note({
      what: `this is ${system.platform}: Lockstep is tested on Linux`,
      why: 'Elsewhere a reused pid cannot be recognized, so such an entry is held until it is broken.',
      remedy: 'If the entry of a dead process stays: lockstep break NAME',
    });
  }
  if (found.isCalm) found.ok(`Node ${system.nodeVersion} and /bin/sh are available`);
  return found;
}

function isOlder(version: string, wanted: string): boolean {
  const [a, b] = [version, wanted].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let at = 0; at < b.length; at++) {
    if ((a[at] ?? 0) !== (b[at] ?? 0)) return (a[at] ?? 0) < (b[at] ?? 0);
  }
  return false;
}

/** Checks that the kernel shows which processes are alive. */
export function checkProcesses({ host, system }: Patient): Findings {
  const found = new Findings('processes');
  const { start, boot, namespace } = host.processes.self();
  const stays = 'An entry that cannot be judged is never evicted: that of a dead process may stay until it is broken.';
  if (system.platform === 'linux' && start === 0) {
    found.warning({
      what: 'the start times of processes are unknown: /proc is not that of this pid namespace, or cannot be read',
      where: '/proc/self/stat',
      why: `A reused pid cannot be recognized. ${stays}`,
      remedy: 'Mount /proc in this namespace (unshare --mount-proc).',
    });
  }
  if (system.platform === 'linux' && (boot === '' || namespace === 0)) {
    found.warning({
      what: 'the identity of this boot, or of this pid namespace, is unknown',
      where: boot === '' ? '/proc/sys/kernel/random/boot_id' : '/proc/self/ns/pid',
      why: stays,
      remedy: 'Make it readable.',
    });
  }
  const hiding = system.mountOf('/proc')?.options.find((option) => /^hidepid=(?!0|off)/.test(option));
  if (hiding && host.processes.uid() !== 0) {
    found.note({
      what: `/proc hides the processes of other users (${hiding})`,
      where: '/proc',
      why: `In a shared store, their reused pids cannot be recognized. ${stays}`,
      remedy: 'Nothing, if each user has their own store.',
    });
  }
  const isMissing = !MKFIFO.some((file) => system.isExecutable(file));
  if (system.platform !== 'win32' && isMissing) {
    found.note({
      what: 'there is no mkfifo',
      where: MKFIFO.join('\n'),
      why: 'Without it sessions have no lifelines. The death of a holder is then not seen from other containers, and its lock stays held for them.',
      remedy: 'Install it (coreutils), or share the pid namespace (docker run --pid).',
    });
  }
  if (found.isCalm) found.ok('the kernel shows which processes are alive');
  return found;
}

const MKFIFO = ['/usr/bin/mkfifo', '/bin/mkfifo'];

/** Checks that more processes can wait without polling. */
export function checkWatches({ system }: Patient): Findings {
  const found = new Findings('watches');
  const limit = Number(system.read('/proc/sys/fs/inotify/max_user_instances') ?? Number.NaN);
  if (!Number.isFinite(limit)) return found;
  const used = system.inotifyInstances();
  const text = `${used} of ${limit} inotify instances are in use`;
  if (used < limit * NEAR) found.ok(text);
  else {
    found.warning({
      what: text,
      where: '/proc/sys/fs/inotify/max_user_instances',
      why: 'Each waiting process needs one. Without it, the process polls every few milliseconds.',
      remedy: 'sysctl fs.inotify.max_user_instances=1024',
    });
  }
  return found;
}
