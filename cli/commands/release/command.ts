import type { CommandModule } from 'yargs';
import { numberOption, pidOption, resourceOptions } from '../../args/options.ts';
import type { ReleaseArguments } from './release.ts';

export const release: CommandModule<object, ReleaseArguments> = {
  command: 'release [name]',
  describe: 'Release a lock that `acquire` took',
  builder: (argv) =>
    resourceOptions(argv)
      .usage(
        '$0 release NAME --pid [PID]\n\nReleases NAME, and grants it to the next waiter. If that process holds several permits, releases the oldest. Exits 1 if it holds none.',
      )
      .option('pid', {
        ...pidOption,
        describe:
          'The process that holds it; in a shell script: $$. Without a number: the shell that calls, also a subshell, where $$ is the script’s',
      })
      .option('token', { ...numberOption('token'), describe: 'Release the permit with this fencing token' })
      .example('$0 release deploy --pid $$', 'release what `acquire deploy --pid $$` took') as never,
  handler: async (args) => (await import('./release.ts')).releaseForShell(args),
};
