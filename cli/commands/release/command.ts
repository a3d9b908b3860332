import type { CommandModule } from 'yargs';
import { numberOption, resourceOptions } from '../../args/options.ts';
import type { ReleaseArguments } from './release.ts';

export const release: CommandModule<object, ReleaseArguments> = {
  command: 'release [name]',
  describe: 'Give back what `acquire` took',
  builder: (argv) =>
    resourceOptions(argv)
      .usage(
        '$0 release NAME --pid $$\n\nGives NAME back, and lets the next in line in. Of several permits held by that process, the oldest. Exits 1 if the process holds none.',
      )
      .option('pid', {
        type: 'number',
        requiresArg: true,
        describe: 'The process it was acquired for; in a shell script: $$',
      })
      .option('token', { ...numberOption('token'), describe: 'The one with this fencing token' })
      .example('$0 release deploy --pid $$', 'the other half of `acquire deploy --pid $$`') as never,
  handler: async (args) => (await import('./release.ts')).releaseForShell(args),
};
