import type { CommandModule } from 'yargs';
import { namesOptions } from '../../args/options.ts';
import type { TopArguments } from './top.ts';

export const top: CommandModule<object, TopArguments> = {
  command: 'top [names..]',
  describe: 'Watch holders, waiters, what each of them waits for, and jobs',
  builder: (argv) =>
    namesOptions(argv, ['interval'], 'Only these, in use or not')
      .usage(
        '$0 top [NAME…] [options]\n\nShows the resources named, or all in use, the most contended first; under each its holders and waiters, and which processes each of them waits for. Below them are the jobs, those that are not well first. It follows every change, and takes no lock; it writes nothing into the store, but when you break an entry.\n\nKeys: q or Ctrl-C quits, p pauses, the arrows, j, k, PgUp and PgDn scroll. Tab selects an entry: B takes the resource away from it, E ends its process, and both ask before. ? shows all keys. Without a terminal it prints the current state once. If a SIGKILL leaves the terminal in disorder, `reset` repairs it.',
      )
      .option('once', { type: 'boolean', default: false, describe: 'Print the current state, and exit' })
      .option('interval', {
        alias: 'd',
        type: 'string',
        requiresArg: true,
        default: '1s',
        describe: 'Interval for updating ages and checking for dead processes; changes are shown at once',
      })
      .example('$0 top', 'all resources in use')
      .example('$0 top deploy render -d 5s', 'two resources; ages change every 5 s at most')
      .example('$0 top --once | head', 'the current state') as never,
  handler: async (args) => (await import('./top.ts')).showTop(args),
};
