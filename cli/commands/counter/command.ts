import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { CounterArguments } from './counter.ts';

export const counter: CommandModule<object, CounterArguments> = {
  command: 'counter [name] [add]',
  describe: 'Add to a number, and print it',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 counter NAME [+N|-N]\n\nAdds, and prints the number right afterwards; without +N only prints it. It is 0 at first. No addition is lost, and no two processes get the same number of one that only grows.',
      )
      .positional('name', { type: 'string', describe: 'The counter: any text of 1 to 200 bytes' })
      .positional('add', { type: 'string', describe: 'A whole number with its sign: +1, -5' })
      .example('id=$($0 counter build-number +1)', 'a number that nobody else gets')
      .example('$0 counter build-number', 'the last one') as never,
  handler: async (args) => (await import('./counter.ts')).count(args),
};
