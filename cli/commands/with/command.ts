import type { CommandModule } from 'yargs';
import { lastCounts } from '../../args/options.ts';
import type { WithArguments } from './with.ts';

export const withDaemons: CommandModule<object, WithArguments> = {
  command: 'with',
  describe: 'Run a command with daemons beside it that end when it ends',
  builder: (argv) =>
    lastCounts(argv, ['grace'])
      .usage(
        '$0 with [--daemon CMD]… -- MAIN [ARG…]\n\nRuns MAIN, and a shell for each CMD beside it. When MAIN has ended in any way, the daemons and all that they started get SIGTERM, then SIGKILL; so they do if lockstep itself is killed. What a daemon leaves running when it ends is ended then. On Linux that includes what has left its session (setsid), unless it has cleared its environment and its parent is gone; elsewhere it is the process group. The exit code is MAIN’s. A daemon has no standard input.',
      )
      .option('daemon', {
        alias: 'd',
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        defaultDescription: 'none',
        describe: 'A daemon: a line for /bin/sh that stays in the foreground. May be given several times',
      })
      .option('prefix', {
        type: 'boolean',
        default: false,
        describe: 'Prefix each output line with its process’s name; a line longer than 64 KiB in parts',
      })
      .option('grace', {
        type: 'string',
        requiresArg: true,
        default: '500ms',
        describe: 'How long a daemon may take to end after SIGTERM',
      })
      .example('$0 with --daemon "./server --port 8080" -- ./run-tests', 'a server for as long as the tests run')
      .example(
        '$0 with -d "lockstep beat job --every 1s" --prefix -- ./job.sh',
        'a job that sends heartbeats',
      ) as never,
  handler: async (args) => (await import('./with.ts')).runWithDaemons(args),
};
