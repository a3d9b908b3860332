import type { CommandModule } from 'yargs';
import { numberOption, resourceOptions } from '../../args/options.ts';
import type { HistoryArguments } from './history.ts';

export const history: CommandModule<object, HistoryArguments> = {
  command: 'history [name]',
  describe: 'Show the runs of a job, or who came and went at a lock, and for how long',
  builder: (argv) =>
    resourceOptions(argv)
      .usage(
        '$0 history NAME [options]\n\nOf a job, shows its runs. Of anything else, or with --lock, shows who waited for a resource and held it, as far back as its journals still tell: the newest last, in local time. Of an event, a condition, a barrier or a counter also what was done to it. Nothing is written, and nobody is hindered.\n\n0ms* is a time that came to less than nothing: clocks disagree, or one was set meanwhile. ? is a time that is not known.',
      )
      .option('number', {
        ...numberOption('number'),
        alias: 'n',
        default: 20,
        describe: 'At most so many, the newest; 0: all',
      })
      .option('since', {
        type: 'string',
        requiresArg: true,
        describe: 'Only what was not over so long ago, such as 2h',
      })
      .option('summary', {
        type: 'boolean',
        default: false,
        describe: 'Below them: how many acquired it, how long they waited and held',
      })
      .option('output', {
        type: 'boolean',
        default: false,
        describe: 'Of a job: below each run the last lines that it printed',
      })
      .option('lock', {
        type: 'boolean',
        default: false,
        describe: 'Of a job: the comings and goings of its lock instead of its runs',
      })
      .option('json', { type: 'boolean', default: false, describe: 'An array, with ISO times' })
      .example('$0 history deploy', 'the last 20')
      .example('$0 history backup --output -n 5', 'the last five runs of a job, with what they printed')
      .example('$0 history deploy -n 0 --since 1h --summary', 'the last hour, and what it comes to')
      .example('$0 history --file ticket.json --json', 'of the lock beside a file') as never,
  handler: async (args) => (await import('./history.ts')).showHistory(args),
};
