import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { JobsArguments } from './jobs.ts';

export const jobs: CommandModule<object, JobsArguments> = {
  command: 'jobs [names..]',
  describe: 'Show the health of jobs: last run, next due, late, failed or stuck',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 jobs [NAME…] [options]\n\nShows these jobs, or all that ever ran: how the last run ended, how long it took, how long it typically takes, when the next success is due, and the state of the job: ok, running, late (no success in time), failed (the last run did not succeed), stuck (a run will not end by itself, takes too long, or keeps the others out for too long) or unknown. RUNS shows the last ones, the newest at the right: ✓ succeeded, ✗ failed, ? lost, · skipped (with their number, if there are more in a row: ·12), ~ ended by another run or a signal, ▸ running, … waiting. Where the locale is not UTF-8 it shows + x ? . ~ > : instead.\n\n--check exits 0 if every job is ok or running, else 1. A job that is not to run any more is shown, and late, until `$0 forget NAME` removes it.',
      )
      // yargs collects the names as if they were one option, repeated. Of a real option the last value counts.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['dir', 'output'], (given: string | string[] | undefined) =>
        Array.isArray(given) ? given.at(-1) : given,
      )
      .positional('names', { type: 'string', array: true, describe: 'The jobs to show. Default: all' })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print JSON (docs/watching-jobs.md describes its keys)',
      })
      .option('check', {
        type: 'boolean',
        default: false,
        describe: 'Print only the jobs that are not well, a line each; exit 1 if there are any',
      })
      .option('prometheus', {
        type: 'boolean',
        default: false,
        describe: "Print metrics for node_exporter's textfile collector",
      })
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe:
          'With --prometheus: replace this file atomically. A new one is readable for all (mode 0644); a link is replaced, not followed',
      })
      .example('$0 jobs', 'all jobs, in one table')
      .example('$0 jobs --check', 'for cron, which mails the output')
      .example('$0 jobs --prometheus -o jobs.prom', 'for node_exporter')
      .example('$0 forget old-backup', 'a job that was retired, with its runs and its expectation') as never,
  handler: async (args) => (await import('./jobs.ts')).showJobs(args),
};
