import type { CommandModule } from 'yargs';
import { deadlockOptions, kindOptions, resourceOptions, waitOptions } from '../../args/options.ts';
import type { AcquireArguments } from './acquire.ts';

export const acquire: CommandModule<object, AcquireArguments> = {
  command: 'acquire [name]',
  describe: 'Acquire a lock for the calling shell, until `release` or until that shell is gone',
  builder: (argv) =>
    kindOptions(deadlockOptions(waitOptions(resourceOptions(argv))))
      .usage(
        '$0 acquire NAME --pid $$ [options]\n\nPrints the fencing token. The lock is held for the process with that pid: it ends with `lockstep release`, or with that process.',
      )
      .option('pid', {
        type: 'number',
        requiresArg: true,
        describe: 'The process to hold it for; in a shell script: $$',
      })
      .example('token=$($0 acquire deploy --pid $$ -w 1m) || exit', 'hold it for this script') as never,
  handler: async (args) => (await import('./acquire.ts')).acquireForShell(args),
};
