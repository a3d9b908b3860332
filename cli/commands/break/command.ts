import type { CommandModule } from 'yargs';
import { numberOption, resourceOptions } from '../../args/options.ts';
import type { BreakArguments } from './break.ts';

export const breakCommand: CommandModule<object, BreakArguments> = {
  command: 'break [name]',
  describe: 'Take a resource away from its holders, by force',
  builder: (argv) =>
    resourceOptions(argv)
      .usage(
        '$0 break NAME [options]\n\nEvicts the holders, dead or alive, and prints them. No process is killed: a live holder loses its lease and is notified, but its work may continue for a while beside that of the next holder. Exits 1 if there is no such name, or no entry with that token.',
      )
      .option('token', {
        ...numberOption('token'),
        describe: 'Only the entry with this fencing token, holding or waiting',
      })
      .option('waiting', { type: 'boolean', default: false, describe: 'Evict the waiters too' })
      .option('reason', {
        type: 'string',
        requiresArg: true,
        default: 'broken by force',
        describe: 'The reason that evicted processes get',
      })
      .example('$0 break deploy', 'when the holder hangs on a machine that cannot be reached') as never,
  handler: async (args) => (await import('./break.ts')).breakHolders(args),
};
