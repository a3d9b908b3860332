import type { Block } from './block.ts';

/** The parts of the manual that no definition has. */

function section(text: string): Block {
  return { is: 'section', text };
}

function paragraph(text: string): Block {
  return { is: 'paragraph', text };
}

function entries(...list: Array<[term: string, text: string]>): Block[] {
  return list.map(([term, text]): Block => ({ is: 'entry', term, text }));
}

export const EXIT_STATUS: Block[] = entries(
  ['0', 'Success. A verb that runs a command exits with the command’s status instead.'],
  [
    '1',
    'Failure, or a problem was found: release finds nothing to release, there is no such name, a barrier is broken, monitor finds a reporter late or gone, doctor finds a problem.',
  ],
  ['64', 'The command line is wrong, or the resource is of another kind.'],
  ['70', 'A bug in Lockstep.'],
  ['74', 'The files of the store cannot be used.'],
  ['75', 'Not acquired: the resource is held, the time is over, or waiting would be a deadlock. -E changes this code.'],
  ['124', '--timeout ended the command.'],
  ['126, 127', 'The command could not be run, or was not found.'],
  ['128+N', 'Signal N killed the command.'],
);

export const AFTER: Block[] = [
  section('ENVIRONMENT'),
  ...entries(
    [
      'LOCKSTEP_DIR',
      'The store, unless --dir is given: an absolute path, in which neither ~ nor a variable is expanded. Set it for all processes that are to exclude each other: a cron job does not have your shell’s environment.',
    ],
    [
      'LOCKSTEP_STORE',
      'The same, before LOCKSTEP_DIR, and also for a store on etcd: etcd://HOST:2379/PREFIX, where several machines share it. The user’s password is in LOCKSTEP_ETCD_PASSWORD, or in the file that LOCKSTEP_ETCD_PASSWORD_FILE names.',
    ],
    ['LOCKSTEP_SHARED', 'If it is 1, the group of the store’s directory shares the store.'],
    [
      'LOCKSTEP_GUARDED',
      'If it is 1 when a store is first used, each append to it is made under a lock of its own, for a network file system that several machines share.',
    ],
  ),
  paragraph(
    'HOME, TMPDIR and the like have no effect: the user database decides where the store is. A command that a verb runs finds:',
  ),
  ...entries(
    ['LOCKSTEP_NAME', 'The resource that is held for the command.'],
    [
      'LOCKSTEP_TOKEN',
      'Its fencing token: a number that grows from holder to holder. A system that the command writes to can refuse a smaller number than it has seen.',
    ],
    [
      'LOCKSTEP_HELD',
      'The locks that are held around the command. A lockstep inside the command reads it to detect deadlocks.',
    ],
  ),
  section('FILES'),
  ...entries(
    ['~/.local/state/lockstep', 'The store, in the home directory from the user database.'],
    ['/var/tmp/lockstep-UID', 'The store of a user without a home of their own.'],
    ['.lockstep', 'Beside a file: the store for --file and edit.'],
    ['resources/NAME/journal.N', 'In a store: the holders and waiters of a resource. Never delete one that is in use.'],
    ['sessions, beats, jobs', 'In a store: one file for each participating process, each reporter, each run of a job.'],
  ),
  section('NOTES'),
  paragraph('Durations are written 500ms, 10s, 5m, 2h or 1h30m. A bare number is in seconds.'),
  paragraph('A store must be on a local file system, unless it is a guarded one. lockstep doctor checks it.'),
  section('SEE ALSO'),
  paragraph('flock(1), timeout(1), xargs(1), crontab(5), cron(8), systemd.timer(5)'),
];
