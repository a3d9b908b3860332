import type { Block } from './block.ts';

/** What the manual says that no definition says. */

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
  ['0', 'It was done. Of a verb that runs a command, the command’s own status is passed on instead, whatever it is.'],
  [
    '1',
    'It was not done, or not all is well: release finds nothing to release, a barrier is broken, a monitor sees somebody late or gone, doctor finds a problem.',
  ],
  ['64', 'The command line makes no sense, or the resource is of another kind.'],
  ['70', 'A bug in Lockstep.'],
  ['74', 'The files of the store cannot be used.'],
  ['75', 'Not acquired: it is held, the time is over, or waiting would be a deadlock. -E changes it.'],
  ['124', 'The command was ended by --timeout.'],
  ['126, 127', 'The command could not be run, or was not found.'],
  ['128+N', 'The command died of signal N.'],
);

export const AFTER: Block[] = [
  section('ENVIRONMENT'),
  ...entries(
    [
      'LOCKSTEP_DIR',
      'The store, if --dir does not say which. Set it for all who are to exclude each other: a cron job does not have your shell’s environment.',
    ],
    ['LOCKSTEP_SHARED', 'If it is 1, the group of the store’s directory may use the store together.'],
    [
      'LOCKSTEP_GUARDED',
      'If it is 1 when a store is used for the first time, each append to it is made under a lock of its own, for a network file system that several machines share.',
    ],
  ),
  paragraph(
    'HOME, TMPDIR and the like are not asked: the store is found by the user database. A command that a verb runs finds:',
  ),
  ...entries(
    ['LOCKSTEP_NAME', 'The resource that is held for it.'],
    [
      'LOCKSTEP_TOKEN',
      'Its fencing token: a number that grows from holder to holder. Whatever the command writes to can refuse a smaller one than it has seen.',
    ],
    ['LOCKSTEP_HELD', 'What is held around it. It is for a lockstep inside the command, so that a deadlock is told.'],
  ),
  section('FILES'),
  ...entries(
    ['~/.local/state/lockstep', 'The store, in the home that the user database has.'],
    ['/var/tmp/lockstep-UID', 'The store of a user without a home of their own.'],
    ['.lockstep', 'Beside a file: the store of the locks of --file and of edit.'],
    ['resources/NAME/journal.N', 'In a store: who holds and who waits. Never delete one that is in use.'],
    [
      'sessions, beats, jobs',
      'In a store: one file for each process that takes part, each reporter, each run of a job.',
    ],
  ),
  section('NOTES'),
  paragraph('Durations are written 500ms, 10s, 5m or 2h. A bare number means seconds.'),
  paragraph(
    'A store must be on a local file system, unless it is a guarded one. Run lockstep doctor to see whether it is fit.',
  ),
  section('SEE ALSO'),
  paragraph('flock(1), timeout(1), xargs(1), crontab(5), cron(8), systemd.timer(5)'),
];
