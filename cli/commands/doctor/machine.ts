import { Findings } from './finding.ts';
import type { Patient } from './patient.ts';

/** Nearer to a limit than this share of it is worth a word. */
const NEAR = 0.9;

/** Whether what Lockstep itself runs on is as it should be. */
export function checkSystem({ system, oldestNode }: Patient): Findings {
  const found = new Findings('system');
  if (isOlder(system.nodeVersion, oldestNode)) {
    found.problem({
      what: `this is Node ${system.nodeVersion}, and Lockstep needs ${oldestNode} or newer`,
      where: process.execPath,
      why: 'It was not tried with that.',
      remedy: 'Install a newer Node.',
    });
  }
  if (system.platform !== 'win32' && !system.isExecutable('/bin/sh')) {
    found.problem({
      what: 'there is no /bin/sh that can be run',
      where: '/bin/sh',
      why: 'Commands are started by way of it.',
      remedy: 'Install a shell there.',
    });
  }
  if (system.platform !== 'linux') {
    found.note({
      what: `this is ${system.platform}: Lockstep was tried on Linux`,
      why: 'Elsewhere it cannot be told whether a pid is used again, so such an entry is held until it is broken.',
      remedy: 'lockstep break NAME, if a dead process’s entry stays.',
    });
  }
  if (found.isCalm) found.ok(`Node ${system.nodeVersion} and /bin/sh are there`);
  return found;
}

function isOlder(version: string, wanted: string): boolean {
  const [a, b] = [version, wanted].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let at = 0; at < b.length; at++) {
    if ((a[at] ?? 0) !== (b[at] ?? 0)) return (a[at] ?? 0) < (b[at] ?? 0);
  }
  return false;
}

/** Whether the kernel tells who is alive. */
export function checkProcesses({ host, system }: Patient): Findings {
  const found = new Findings('processes');
  const { start, boot, namespace } = host.processes.self();
  const stays = 'What cannot be judged is held, not stolen: the entry of a dead process may stay until it is broken.';
  if (system.platform === 'linux' && start === 0) {
    found.warning({
      what: 'the kernel does not say when processes began: /proc is not that of this pid namespace, or cannot be read',
      where: '/proc/self/stat',
      why: `A pid that is used again cannot be told from its former owner. ${stays}`,
      remedy: 'Mount /proc in this namespace (unshare --mount-proc).',
    });
  }
  if (system.platform === 'linux' && (boot === '' || namespace === 0)) {
    found.warning({
      what: 'the kernel does not name this boot, or this pid namespace',
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
      why: `In a shared store, whether their pids are used again cannot be told. ${stays}`,
      remedy: 'Nothing, where each user has a store of their own.',
    });
  }
  const container = CONTAINER_MARKS.find((file) => system.read(file) !== null);
  if (container) {
    found.note({
      what: 'this is a container',
      where: container,
      why: 'Processes of other containers that share the store are judged by their heartbeats: a dead one is noticed after 30 s, not at once.',
      remedy: 'Share the pid namespace (docker run --pid) if that is too slow.',
    });
  }
  if (found.isCalm) found.ok('the kernel tells who is alive');
  return found;
}

const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'];

/** Whether more processes can wait without looking all the time. */
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
      why: 'Each process that waits needs one. Without, it looks every few milliseconds instead.',
      remedy: 'sysctl fs.inotify.max_user_instances=1024',
    });
  }
  return found;
}
