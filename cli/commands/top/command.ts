import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { TopArguments } from './top.ts';

export const top: CommandModule<object, TopArguments> = {
  command: 'top [names..]',
  describe: 'Watch who holds, who waits, and who is in whose way',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 top [NAME…] [options]\n\nShows the resources named, or all that are in use, those first for which most wait; under each its holders and waiters, and whom each of them waits for. It follows every change. It only looks: it writes nothing into the store, and takes no lock.\n\nKeys: q or Ctrl-C quits, p pauses, the arrows, j, k, PgUp and PgDn scroll. Where there is no terminal it prints how it is now, once. Should a SIGKILL leave the terminal in disorder, `reset` mends it.',
      )
      // yargs gathers the names as if each were an option given once more. Of real options the last one counts.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['dir', 'interval'], (given: string | string[] | undefined) =>
        Array.isArray(given) ? given.at(-1) : given,
      )
      .positional('names', { type: 'string', array: true, describe: 'Only these, in use or not' })
      .option('once', { type: 'boolean', default: false, describe: 'Print how it is now, and end' })
      .option('interval', {
        alias: 'd',
        type: 'string',
        requiresArg: true,
        default: '1s',
        describe: 'How often ages are brought up to date, and the dead are looked for; changes are shown at once',
      })
      .example('$0 top', 'everything in use')
      .example('$0 top deploy render -d 5s', 'two resources; ages change every 5 s at the most')
      .example('$0 top --once | head', 'how it is now') as never,
  handler: async (args) => (await import('./top.ts')).showTop(args),
};
