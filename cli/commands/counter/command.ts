import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { CounterArguments } from './counter.ts';

export const counter: CommandModule<object, CounterArguments> = {
  command: 'counter <name> [add]',
  describe: 'Add to a shared number, and print it',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 counter NAME [+N|-N]\n\nAdds, and prints the resulting number; without +N only prints the number. It starts at 0. No addition is lost, and of a counter that only grows no two processes get the same number.',
      )
      .positional('name', { type: 'string', describe: 'The counter: any text of 1 to 200 bytes' })
      .positional('add', { type: 'string', describe: 'A whole number with its sign: +1, -5' })
      .example('id=$($0 counter build-number +1)', 'a number that no other process gets')
      .example('$0 counter build-number', 'print the last number') as never,
  handler: async (args) => (await import('./counter.ts')).count(args),
};
