import type { CommandModule } from 'yargs';
import { numberOption, patienceOptions, storeOptions } from '../../args/options.ts';
import type { BarrierArguments } from './barrier.ts';

export const barrier: CommandModule<object, BarrierArguments> = {
  command: 'barrier [name]',
  describe: 'Wait until a number of processes have come',
  builder: (argv) =>
    patienceOptions(storeOptions(argv))
      .usage(
        '$0 barrier NAME -p N [options]\n\nExits 0 when N parties are here, and prints in which place this one came, from 0. Exits 75 if not all come in time, and 1 if the barrier is broken: a party died, gave up or aborted. It stays broken until --reset.',
      )
      .positional('name', { type: 'string', describe: 'The barrier: any text of 1 to 200 bytes' })
      .option('parties', { ...numberOption('parties'), alias: 'p', describe: 'How many meet; everybody says the same' })
      .option('abort', { type: 'boolean', default: false, describe: 'Break it instead, for all who wait and who come' })
      .option('reset', { type: 'boolean', default: false, describe: 'Make it whole instead; who waits is sent away' })
      .example('$0 barrier built -p 3 -w 10m && ./test.sh', 'three builds, then three tests')
      .example('$0 barrier built --reset', 'before the next run, if the last one may have failed') as never,
  handler: async (args) => (await import('./barrier.ts')).meetAtBarrier(args),
};
