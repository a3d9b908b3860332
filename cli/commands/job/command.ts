import type { CommandModule } from 'yargs';
import { flockOption, numberOption, storeOptions } from '../../args/options.ts';
import type { JobArguments } from './plan.ts';

const text = { type: 'string', requiresArg: true } as const;

export const job: CommandModule<object, JobArguments> = {
  command: 'job <name>',
  describe: 'Run a command from cron: no overlap, no hanging, no output when all is well, and a run log',
  builder: (argv) =>
    flockOption(storeOptions(argv))
      .usage(
        '$0 job NAME [options] -- CMD [ARG…]\n\nRuns CMD while holding the lock NAME (the same as `lockstep run NAME`), and records how it ended. Prints nothing if CMD succeeds; else the output of CMD and what happened.',
      )
      .positional('name', { type: 'string', describe: 'The name of the job: any text of 1 to 200 bytes' })
      .option('overlap', {
        choices: ['skip', 'wait', 'replace'] as const,
        requiresArg: true,
        default: 'skip',
        describe: 'If the job runs already: do nothing, wait in line, or end that run and take over',
      })
      .option('wait', { ...text, alias: 'w', describe: 'With wait or replace: wait at most this long, then exit 75' })
      .option('conflict-exit-code', {
        ...numberOption('conflict-exit-code'),
        alias: 'E',
        describe: 'The exit code of a run that was skipped. Default: 0',
      })
      .option('permits', {
        ...numberOption('permits'),
        alias: 'p',
        describe: 'How many runs may go on at the same time',
      })
      .option('resize', {
        type: 'boolean',
        default: false,
        describe: 'If the job had another number of permits, and no run of it goes on: use this number from now on',
      })
      .option('timeout', {
        ...text,
        alias: 't',
        describe: 'End CMD and all that it started after this long; exit 124. 0: no limit',
      })
      .option('kill-after', {
        ...text,
        default: '10s',
        describe: 'When CMD is ended: the time from SIGTERM to SIGKILL',
      })
      .option('splay', { ...text, describe: 'Wait first, for a random time shorter than this' })
      .option('every', { ...text, describe: 'Do nothing if the last success began less than this long ago' })
      .option('retries', {
        ...numberOption('retries'),
        default: 0,
        describe: 'Run CMD again up to this many times if it fails or times out',
      })
      .option('backoff', {
        ...text,
        describe: 'Wait this long before the first retry, and twice as long before each further one',
      })
      .option('expect', { ...text, describe: "When a success is due: 'every 24h', or '30 2 * * *' as in a crontab" })
      .option('tz', {
        ...text,
        describe: 'The time zone of --expect, and of the days of --every. Default: $CRON_TZ, or that of the job ($TZ)',
      })
      .option('grace', { ...text, describe: 'Count the job as late when a success is overdue for this long' })
      .option('ping', {
        ...text,
        describe: 'Report start, success and failure to this URL (in the format of healthchecks.io)',
      })
      .option('log', {
        ...text,
        describe: 'Append the output of CMD to this file, device or FIFO (which must have a reader)',
      })
      .option('keep', { ...numberOption('keep'), default: 100, describe: 'How many runs to keep in the run log' })
      .option('command', { ...text, alias: 'c', describe: 'Run this text with sh -c, instead of the words behind --' })
      .option('quiet', {
        alias: 'q',
        type: 'boolean',
        default: false,
        describe: 'Print nothing even if the job fails; only the exit code reports it',
      })
      .option('verbose', {
        alias: 'v',
        type: 'boolean',
        default: false,
        describe: 'Print the output of CMD as it comes, and each step of the run',
      })
      .example('$0 job backup -- ./backup.sh', 'in a crontab: never twice at the same time')
      .example('$0 job sync -t 10m --retries 2 -- ./sync.sh', 'ended if it hangs, and retried')
      .example('$0 job mail --overlap replace -- ./mail.sh', 'a newer run ends an older one')
      .example("$0 job backup --expect 'every 24h' -- ./backup.sh", '`lockstep jobs` reports when it is late') as never,
  handler: async (args) => (await import('./job.ts')).runJob(args),
};
