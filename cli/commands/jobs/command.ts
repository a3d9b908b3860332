import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { JobsArguments } from './jobs.ts';

export const jobs: CommandModule<object, JobsArguments> = {
  command: 'jobs [names..]',
  describe: 'Show the health of jobs: last run, next due, late, failed or stuck',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 jobs [NAME…] [options]\n\nShows these jobs, or all that ever ran: how the last run ended, how long it took, how long it typically takes, when the next success is due, and the state of the job: ok, running, late (no success in time), failed (the last run did not succeed), stuck (a run will not end by itself, or takes too long) or unknown.\n\n--check exits 0 if every job is ok or running, else 1.',
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
        describe: 'With --prometheus: replace this file atomically',
      })
      .example('$0 jobs', 'all jobs, in one table')
      .example('$0 jobs --check', 'for cron, which mails the output')
      .example('$0 jobs --prometheus -o jobs.prom', 'for node_exporter') as never,
  handler: async (args) => (await import('./jobs.ts')).showJobs(args),
};
