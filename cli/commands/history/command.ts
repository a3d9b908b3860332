import type { CommandModule } from 'yargs';
import { numberOption, resourceOptions } from '../../args/options.ts';
import type { HistoryArguments } from './history.ts';

export const history: CommandModule<object, HistoryArguments> = {
  command: 'history [name]',
  describe: 'Show the runs of a job, or the acquire/release log of a lock',
  builder: (argv) =>
    resourceOptions(argv)
      .usage(
        '$0 history NAME [options]\n\nFor a job, shows its runs. For any other resource, or with --lock, shows which processes waited for it and held it, as far back as its journals go: the newest last, in local time. For an event, a condition, a barrier or a counter it also shows the actions on it. It writes nothing and blocks no other process.\n\n0ms* marks a negative time: clocks disagree, or one was set meanwhile. ? is an unknown time.',
      )
      .option('number', {
        ...numberOption('number'),
        alias: 'n',
        default: 20,
        describe: 'At most this many, the newest; 0: all',
      })
      .option('since', {
        type: 'string',
        requiresArg: true,
        describe: 'Only what ended within this time, such as 2h, or has not ended',
      })
      .option('summary', {
        type: 'boolean',
        default: false,
        describe: 'Add a line with the number of acquisitions, and wait and hold times',
      })
      .option('output', {
        type: 'boolean',
        default: false,
        describe: 'For a job: below each run the last lines of its output',
      })
      .option('lock', {
        type: 'boolean',
        default: false,
        describe: 'For a job: the acquire/release log of its lock instead of its runs',
      })
      .option('json', { type: 'boolean', default: false, describe: 'A JSON array, with ISO times' })
      .example('$0 history deploy', 'the last 20')
      .example('$0 history backup --output -n 5', 'the last five runs of a job, with their output')
      .example('$0 history deploy -n 0 --since 1h --summary', 'the last hour, with a summary')
      .example('$0 history --file ticket.json --json', 'for the lock beside a file') as never,
  handler: async (args) => (await import('./history.ts')).showHistory(args),
};
