import type { CommandModule } from 'yargs';
import { numberOption, storeOptions } from '../../args/options.ts';
import type { CounterArguments } from './counter.ts';

export const counter: CommandModule<object, CounterArguments> = {
  command: 'counter <name> [add]',
  describe: 'Add to a shared number, or take from it, and print it',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 counter NAME [+N|-N]\n$0 counter NAME --take N [--floor F] [--id ID]\n\nAdds, and prints the resulting number; without +N only prints the number. It starts at 0. No addition is lost, and of a counter that only grows no two processes get the same number.\n\nWith --take N it takes N, unless the number would fall below the floor: then it takes nothing, prints nothing (with --json: null), and exits 1. With --id the same request takes once, however often it is sent, and prints the same again.',
      )
      .positional('name', { type: 'string', describe: 'The counter: any text of 1 to 200 bytes' })
      .positional('add', { type: 'string', describe: 'A whole number with its sign: +1, -5' })
      .option('take', { ...numberOption('take'), describe: 'Take so many, and exit 1 if there are not enough' })
      .option('floor', {
        ...numberOption('floor'),
        describe: 'With --take: the number stays at least this. Default: 0',
      })
      .option('id', {
        type: 'string',
        requiresArg: true,
        describe: 'With --take: an id of the request, 1 to 200 characters, such as the number of an order',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe:
          'With --take: print {"left":…,"sequence":…}: the number, and how many takes there were up to this one',
      })
      .example('id=$($0 counter build-number +1)', 'a number that no other process gets')
      .example('$0 counter build-number', 'print the last number')
      .example('$0 counter seats --take 2 --id order-17 || echo sold out', 'sell two, once') as never,
  handler: async (args) => (await import('./counter.ts')).count(args),
};
