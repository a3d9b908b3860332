import type { CommandModule } from 'yargs';
import { namesOptions } from '../../args/options.ts';
import type { TimelineArguments } from './timeline.ts';

export const timeline: CommandModule<object, TimelineArguments> = {
  command: 'timeline [names..]',
  describe: 'Draw holders and waiters over time',
  builder: (argv) =>
    namesOptions(argv, ['output', 'since'])
      .usage(
        '$0 timeline [NAME…] -o FILE [options]\n\nDraws the resources named, or all, as far back as their journals go, into one self-contained file: an SVG, or an HTML page with figures below it. It follows the reader’s light or dark scheme. Nothing is written into the store.',
      )
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'FILE.svg or FILE.html; - writes an SVG to stdout',
      })
      .option('since', { type: 'string', requiresArg: true, describe: 'Only this much time before now, such as 10m' })
      .example('$0 timeline -o store.html', 'the whole store, with figures')
      .example('$0 timeline deploy render -o busy.svg --since 10m', 'two resources, the last ten minutes') as never,
  handler: async (args) => (await import('./timeline.ts')).drawTimeline(args),
};
