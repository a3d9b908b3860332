import type { CommandModule } from 'yargs';
import { deadlockOptions, flockOption, kindOptions, resourceOptions, waitingOptions } from '../../args/options.ts';
import type { RunArguments } from './run.ts';

export const run: CommandModule<object, RunArguments> = {
  command: 'run [name]',
  describe: 'Run a command while holding a lock or a permit of a semaphore',
  builder: (argv) =>
    flockOption(kindOptions(deadlockOptions(waitingOptions(resourceOptions(argv)))))
      .usage(
        '$0 run NAME [options] -- CMD [ARG…]\n\nRuns CMD while holding NAME, and exits with its status. The lock is held until CMD ends, even if this wrapper is killed. If --timeout or a signal to this wrapper ends CMD, all that CMD started is ended with it, before the lock is released. CMD finds LOCKSTEP_NAME and LOCKSTEP_TOKEN in its environment.',
      )
      .option('timeout', {
        alias: 't',
        type: 'string',
        requiresArg: true,
        describe: 'End CMD and all that it started after this long, and exit 124. 0: no limit',
      })
      .option('signal', {
        type: 'string',
        requiresArg: true,
        describe: 'The signal by which --timeout ends them. Default: TERM',
      })
      .option('preserve-status', {
        type: 'boolean',
        default: false,
        describe: 'Exit with the status of CMD also after --timeout',
      })
      .option('hold-descendants', {
        type: 'boolean',
        default: false,
        describe: 'Keep the lock until all that CMD started has ended, as flock does',
      })
      .option('no-fork', {
        alias: 'F',
        type: 'boolean',
        default: false,
        describe: 'CMD replaces this wrapper, and holds the lock until it ends. It needs Node 22.15 or later, and perl',
      })
      .option('kill-after', {
        type: 'string',
        requiresArg: true,
        default: '10s',
        describe: 'After the signal of --timeout, or one to this wrapper, wait this long before SIGKILL',
      })
      .option('command', {
        alias: 'c',
        type: 'string',
        requiresArg: true,
        describe: 'Run this text with sh -c, instead of the words behind --',
      })
      .example('$0 run deploy -- ./deploy.sh', 'one at a time; other callers wait in line')
      .example('$0 run backup -n -- ./backup.sh', 'exit 75 at once if one is running')
      .example('$0 run render -p 4 -w 5m -- ffmpeg …', 'four at a time; give up after five minutes')
      .example("$0 run log -s -c 'grep x app.log | wc -l'", 'readers share the lock') as never,
  handler: async (args) => (await import('./run.ts')).runUnderLock(args),
};
