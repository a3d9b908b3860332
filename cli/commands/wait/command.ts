import type { CommandModule } from 'yargs';
import { resourceOptions } from '../../args/options.ts';
import type { WaitVerbArguments } from './wait.ts';

export const wait: CommandModule<object, WaitVerbArguments> = {
  command: 'wait [name]',
  describe: 'Wait until nobody holds a resource, without standing in line',
  builder: (argv) =>
    resourceOptions(argv)
      .usage(
        '$0 wait NAME [options]\n\nExits 0 once nobody holds NAME. It takes nothing: somebody else may hold it right after.',
      )
      .option('wait', { alias: 'w', type: 'string', requiresArg: true, describe: 'At most this long, then exit 75' })
      .option('conflict-exit-code', {
        alias: 'E',
        type: 'number',
        requiresArg: true,
        default: 75,
        describe: 'The exit code instead of 75',
      })
      .example('$0 wait deploy -w 10m && echo done', 'wait for the deployment to end') as never,
  handler: async (args) => (await import('./wait.ts')).waitUntilFree(args),
};
