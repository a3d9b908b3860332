import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { JobsArguments } from './jobs.ts';

export const jobs: CommandModule<object, JobsArguments> = {
  command: 'jobs [names..]',
  describe: 'Show what became of jobs: last run, next due, late, failed or stuck',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 jobs [NAME…] [options]\n\nShows the jobs named, or all that ever ran: how the last run ended, what it took and typically takes, when the next one is due, and how the job is: ok, running, late (none succeeded in time), failed (the last run did not succeed), stuck (a run will not end by itself, or takes too long) or unknown.\n\n--check exits 0 if every one is ok or running, else 1.',
      )
      // yargs gathers the names as if each were an option given once more. Of real options the last one counts.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['dir', 'output'], (given: string | string[] | undefined) =>
        Array.isArray(given) ? given.at(-1) : given,
      )
      .positional('names', { type: 'string', array: true, describe: 'Only these' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON (docs/watching-jobs.md has its keys)' })
      .option('check', {
        type: 'boolean',
        default: false,
        describe: 'Only what is not well, a line each; exit 1 if any',
      })
      .option('prometheus', {
        type: 'boolean',
        default: false,
        describe: "As metrics, for node_exporter's textfile collector",
      })
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'With --prometheus: into this file, which is replaced whole',
      })
      .example('$0 jobs', 'all jobs, at a glance')
      .example('$0 jobs --check', 'for cron, which mails what is printed')
      .example('$0 jobs --prometheus -o jobs.prom', 'for node_exporter: the file is replaced whole') as never,
  handler: async (args) => (await import('./jobs.ts')).showJobs(args),
};
