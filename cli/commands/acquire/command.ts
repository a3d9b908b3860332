import type { CommandModule } from 'yargs';
import { deadlockOptions, kindOptions, pidOption, resourceOptions, waitingOptions } from '../../args/options.ts';
import type { AcquireArguments } from './acquire.ts';

export const acquire: CommandModule<object, AcquireArguments> = {
  command: 'acquire [name]',
  describe: 'Acquire a lock for the calling shell, until `release` or until that shell ends',
  builder: (argv) =>
    kindOptions(deadlockOptions(waitingOptions(resourceOptions(argv))))
      .usage(
        '$0 acquire NAME --pid [PID] [options]\n\nPrints the fencing token. The process with that pid holds the lock until `lockstep release`, or until it ends. In a store on servers it is ended, with all that it started, if the lock is lost: SIGTERM, then SIGKILL before others can get in. In a subshell, `( … )` or `… &`, $$ is the pid of the whole script: write --pid without a number there, so that the subshell holds the lock. That takes the parent process of lockstep; if it is called by way of another program (sudo, timeout, npx), give the number.',
      )
      .option('pid', {
        ...pidOption,
        describe:
          'The process that holds it; in a shell script: $$. Without a number: the shell that calls, also a subshell, where $$ is the script’s',
      })
      .example('token=$($0 acquire deploy --pid $$ -w 1m) || exit', 'hold it until this script ends')
      .example('( $0 acquire deploy --pid && ./deploy.sh ) &', 'hold it until this subshell ends') as never,
  handler: async (args) => (await import('./acquire.ts')).acquireForShell(args),
};
