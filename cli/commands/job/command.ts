import type { CommandModule } from 'yargs';
import { numberOption, storeOptions } from '../../args/options.ts';
import type { JobArguments } from './plan.ts';

const text = { type: 'string', requiresArg: true } as const;

export const job: CommandModule<object, JobArguments> = {
  command: 'job [name]',
  describe: 'Run a command from cron: no overlap, no hanging, silence when all is well, and a history',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 job NAME [options] -- CMD [ARG…]\n\nRuns CMD while holding the lock NAME (the same as `lockstep run NAME`), and remembers how it ended. Prints nothing if it ends well; else all that CMD printed, and what happened.',
      )
      .positional('name', { type: 'string', describe: 'The job: any text of 1 to 200 bytes' })
      .option('overlap', {
        choices: ['skip', 'wait', 'replace'] as const,
        requiresArg: true,
        default: 'skip',
        describe: 'If it is running already: do nothing, wait in line, or end that run and take over',
      })
      .option('wait', { ...text, alias: 'w', describe: 'With wait or replace: at most this long, then exit 75' })
      .option('conflict-exit-code', {
        ...numberOption('conflict-exit-code'),
        alias: 'E',
        describe: 'The exit code of a run that was skipped. Default: 0',
      })
      .option('permits', { ...numberOption('permits'), alias: 'p', describe: 'How many runs may go on at a time' })
      .option('timeout', { ...text, alias: 't', describe: 'End CMD and all it started after this long; exit 124' })
      .option('kill-after', { ...text, default: '10s', describe: 'From SIGTERM to SIGKILL, wherever CMD is ended' })
      .option('splay', { ...text, describe: 'First wait for a random time shorter than this' })
      .option('every', { ...text, describe: 'Do nothing if the last success began less than this ago' })
      .option('retries', {
        ...numberOption('retries'),
        default: 0,
        describe: 'Run CMD again up to so many times if it fails or times out',
      })
      .option('backoff', { ...text, describe: 'Wait this long before the first retry, then twice as long each time' })
      .option('expect', { ...text, describe: "When a success is due: 'every 24h', or '30 2 * * *' as in a crontab" })
      .option('grace', { ...text, describe: 'How long after that it counts as late' })
      .option('ping', {
        ...text,
        describe: 'Report start, success and failure to this URL (as healthchecks.io has it)',
      })
      .option('log', { ...text, describe: 'Append what CMD prints to this file' })
      .option('keep', { ...numberOption('keep'), default: 100, describe: 'How many runs to remember' })
      .option('command', { ...text, alias: 'c', describe: 'Run this text with sh -c, instead of words behind --' })
      .option('quiet', {
        alias: 'q',
        type: 'boolean',
        default: false,
        describe: 'Print nothing if it fails, either: the exit code tells',
      })
      .option('verbose', {
        alias: 'v',
        type: 'boolean',
        default: false,
        describe: 'Print what CMD prints as it comes, and say what is done',
      })
      .example('$0 job backup -- ./backup.sh', 'in a crontab: not twice at a time')
      .example('$0 job sync -t 10m --retries 2 -- ./sync.sh', 'ended if it hangs, and tried again')
      .example('$0 job mail --overlap replace -- ./mail.sh', 'a newer run ends an older one')
      .example("$0 job backup --expect 'every 24h' -- ./backup.sh", '`lockstep jobs` tells when it is late') as never,
  handler: async (args) => (await import('./job.ts')).runJob(args),
};
