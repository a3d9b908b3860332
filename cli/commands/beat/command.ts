import type { CommandModule } from 'yargs';
import { pidOption, storeOptions } from '../../args/options.ts';
import type { BeatArguments } from './beat.ts';

export const beat: CommandModule<object, BeatArguments> = {
  command: 'beat <name>',
  describe: 'Report that a program is alive, for `monitor`',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 beat NAME [options] [-- CMD [ARG…]]\n\nWith CMD: runs it, sends heartbeats while it runs, and exits with its status; 0 is a clean end, anything else a failure. Without CMD: sends heartbeats until it is killed, or until the process of --pid ends. Both count as a death, unless --stop was called before.',
      )
      .positional('name', { type: 'string', describe: 'The reporter: any text of 1 to 200 bytes' })
      .option('every', {
        type: 'string',
        requiresArg: true,
        default: '1s',
        describe: 'Interval between heartbeats, from 10ms to a day',
      })
      .option('pid', {
        ...pidOption,
        describe: 'Report on behalf of this process; in a shell script: $$. Without a number: the shell that calls',
      })
      .option('stop', {
        type: 'boolean',
        default: false,
        describe: 'Mark the report of NAME as a clean end; exit 1 if there is none',
      })
      .example('$0 beat packer --every 800ms -- ./pack-logs.sh', 'report while a command runs')
      .example('$0 beat job --pid $$ & … ; $0 beat job --stop', 'report while this script runs') as never,
  handler: async (args) => (await import('./beat.ts')).reportAlive(args),
};
