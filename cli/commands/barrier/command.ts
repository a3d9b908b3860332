import type { CommandModule } from 'yargs';
import { numberOption, patienceOptions, storeOptions } from '../../args/options.ts';
import type { BarrierArguments } from './barrier.ts';

export const barrier: CommandModule<object, BarrierArguments> = {
  command: 'barrier <name>',
  describe: 'Wait until N processes have arrived',
  builder: (argv) =>
    patienceOptions(storeOptions(argv))
      .usage(
        '$0 barrier NAME -p N [options]\n\nExits 0 when N parties have arrived, and prints the position at which this one arrived, from 0. Exits 75 if not all arrive in time, and 1 if the barrier is broken: a party died, gave up or aborted. It stays broken until --reset.',
      )
      .positional('name', { type: 'string', describe: 'The barrier: any text of 1 to 200 bytes' })
      .option('parties', {
        ...numberOption('parties'),
        alias: 'p',
        describe: 'How many parties meet; the same for all of them',
      })
      .option('abort', {
        type: 'boolean',
        default: false,
        describe: 'Break it instead, for current and future waiters',
      })
      .option('reset', {
        type: 'boolean',
        default: false,
        describe: 'Repair it instead; current waiters end with exit 1',
      })
      .example('$0 barrier built -p 3 -w 10m && ./test.sh', 'three builds, then three tests')
      .example('$0 barrier built --reset', 'before the next round, if the last one may have failed') as never,
  handler: async (args) => (await import('./barrier.ts')).meetAtBarrier(args),
};
