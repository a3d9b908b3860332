import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { TimelineArguments } from './timeline.ts';

export const timeline: CommandModule<object, TimelineArguments> = {
  command: 'timeline [names..]',
  describe: 'Draw who held and who waited over time',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 timeline [NAME…] -o FILE [options]\n\nDraws the resources named, or all, as far back as their journals still tell, into one file that needs no other: an SVG, or an HTML page with the figures below it. It follows the reader\u2019s light or dark scheme. Nothing is written into the store.',
      )
      // yargs gathers the names as if each were an option given once more. Of real options the last one counts.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['dir', 'output', 'since'], (given: string | string[] | undefined) =>
        Array.isArray(given) ? given.at(-1) : given,
      )
      .positional('names', { type: 'string', array: true, describe: 'Only these' })
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'FILE.svg or FILE.html; - writes an SVG to stdout',
      })
      .option('since', { type: 'string', requiresArg: true, describe: 'Only the time since then, such as 10m' })
      .example('$0 timeline -o store.html', 'all of the store, and its figures')
      .example('$0 timeline deploy render -o busy.svg --since 10m', 'two resources, the last ten minutes') as never,
  handler: async (args) => (await import('./timeline.ts')).drawTimeline(args),
};
