import type { CommandModule } from 'yargs';
import type { WithArguments } from './with.ts';

export const withDaemons: CommandModule<object, WithArguments> = {
  command: 'with',
  describe: 'Run a command with daemons beside it, which end when it ends',
  builder: (argv) =>
    argv
      .usage(
        '$0 with [--daemon CMD]… -- MAIN [ARG…]\n\nRuns MAIN, and a shell for each CMD beside it. When MAIN has ended, however it ended, the daemons get SIGTERM, then SIGKILL, with all that they started; if lockstep itself is killed, they do too. The exit code is MAIN’s. A daemon has no standard input.',
      )
      // For `--daemon` alone: everywhere else the last one counts.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce('grace', (given: string | string[]) => (Array.isArray(given) ? (given.at(-1) ?? '') : given))
      .option('daemon', {
        alias: 'd',
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        defaultDescription: 'none',
        describe: 'A daemon: a line for /bin/sh, which stays in the foreground. May be given again and again',
      })
      .option('prefix', {
        type: 'boolean',
        default: false,
        describe: 'Put before each line of output whose it is',
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
        'a job that is seen to be alive',
      ) as never,
  handler: async (args) => (await import('./with.ts')).runWithDaemons(args),
};
