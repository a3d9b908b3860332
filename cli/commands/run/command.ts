import type { CommandModule } from 'yargs';
import { deadlockOptions, kindOptions, resourceOptions, waitOptions } from '../../args/options.ts';
import type { RunArguments } from './run.ts';

export const run: CommandModule<object, RunArguments> = {
  command: 'run [name]',
  describe: 'Run a command while holding a lock, or a permit of a semaphore',
  builder: (argv) =>
    kindOptions(deadlockOptions(waitOptions(resourceOptions(argv))))
      .usage(
        '$0 run NAME [options] -- CMD [ARG…]\n\nRuns CMD while holding NAME, and exits with its status. The lock lives as long as CMD, even if this wrapper is killed. CMD finds LOCKSTEP_NAME and LOCKSTEP_TOKEN in its environment.',
      )
      .option('timeout', {
        alias: 't',
        type: 'string',
        requiresArg: true,
        describe: 'End CMD (SIGTERM) after this long, and exit 124',
      })
      .option('kill-after', {
        type: 'string',
        requiresArg: true,
        default: '10s',
        describe: 'After the SIGTERM of --timeout, wait this long before SIGKILL',
      })
      .option('command', {
        alias: 'c',
        type: 'string',
        requiresArg: true,
        describe: 'Run this text with sh -c, instead of words behind --',
      })
      .example('$0 run deploy -- ./deploy.sh', 'one at a time; the others wait in line')
      .example('$0 run backup -n -- ./backup.sh', 'not at all if one is running (exit 75)')
      .example('$0 run render -p 4 -w 5m -- ffmpeg …', 'four at a time; give up after five minutes')
      .example("$0 run log -s -c 'grep x app.log | wc -l'", 'readers share the lock') as never,
  handler: async (args) => (await import('./run.ts')).runUnderLock(args),
};
