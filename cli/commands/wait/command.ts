import type { CommandModule } from 'yargs';
import { limitOptions, resourceOptions } from '../../args/options.ts';
import type { WaitArguments } from './wait.ts';

export const wait: CommandModule<object, WaitArguments> = {
  command: 'wait [name]',
  describe: 'Wait until a resource is free, without acquiring it',
  builder: (argv) =>
    limitOptions(resourceOptions(argv))
      .usage(
        '$0 wait NAME [options]\n\nExits 0 once NAME has no holder. It acquires nothing: another process may hold NAME right after.',
      )
      .example('$0 wait deploy -w 10m && echo done', 'wait for the deployment to end') as never,
  handler: async (args) => (await import('./wait.ts')).waitUntilFree(args),
};
