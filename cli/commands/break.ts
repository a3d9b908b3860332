import type { CommandModule } from 'yargs';
import { numberOption, type ResourceArguments, resourceOptions } from '../options.ts';

export interface BreakArguments extends ResourceArguments {
  token?: number | undefined;
  waiting: boolean;
  reason: string;
}

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
  handler: async (args) => (await import('../actions/break.ts')).breakHolders(args),
};
