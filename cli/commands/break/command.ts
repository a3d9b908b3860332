import type { CommandModule } from 'yargs';
import { numberOption, resourceOptions } from '../../args/options.ts';
import type { BreakArguments } from './break.ts';

export const breakCommand: CommandModule<object, BreakArguments> = {
  command: 'break [name]',
  describe: 'Take a resource away from its holders, by force',
  builder: (argv) =>
    resourceOptions(argv)
      .usage(
        '$0 break NAME [options]\n\nEvicts the holders, dead or alive, and prints whom. No process is killed: a live holder is told (its lease is lost), but its work may go on for a while beside its successor’s.',
      )
      .option('token', {
        ...numberOption('token'),
        describe: 'Only the entry with this fencing token, holding or waiting',
      })
      .option('waiting', { type: 'boolean', default: false, describe: 'The waiters too' })
      .option('reason', {
        type: 'string',
        requiresArg: true,
        default: 'broken by force',
        describe: 'What the evicted are told',
      })
      .example('$0 break deploy', 'when its holder hangs on a machine that nobody can reach') as never,
  handler: async (args) => (await import('./break.ts')).breakHolders(args),
};
