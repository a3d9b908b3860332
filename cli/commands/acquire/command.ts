import type { CommandModule } from 'yargs';
import { deadlockOptions, kindOptions, resourceOptions, waitingOptions } from '../../args/options.ts';
import type { AcquireArguments } from './acquire.ts';

export const acquire: CommandModule<object, AcquireArguments> = {
  command: 'acquire [name]',
  describe: 'Acquire a lock for the calling shell, until `release` or until that shell ends',
  builder: (argv) =>
    kindOptions(deadlockOptions(waitingOptions(resourceOptions(argv))))
      .usage(
        '$0 acquire NAME --pid $$ [options]\n\nPrints the fencing token. The process with that pid holds the lock until `lockstep release`, or until it ends.',
      )
      .option('pid', {
        type: 'number',
        requiresArg: true,
        describe: 'The process that holds it; in a shell script: $$',
      })
      .example('token=$($0 acquire deploy --pid $$ -w 1m) || exit', 'hold it until this script ends') as never,
  handler: async (args) => (await import('./acquire.ts')).acquireForShell(args),
};
