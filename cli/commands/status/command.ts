import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { StatusArguments } from './status.ts';

export const status: CommandModule<object, StatusArguments> = {
  command: 'status [names..]',
  describe: 'Show who holds and who waits',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 status [NAME…] [options]\n\nShows the lines of the resources named, or of all that are in use. A stale entry is one whose process is gone; the next waiter removes it.',
      )
      // yargs gathers the names as if each were an option given once more. Of real options the last one counts.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['dir', 'file'], (given: string | string[] | undefined) => (Array.isArray(given) ? given.at(-1) : given))
      .positional('names', { type: 'string', array: true, describe: 'Only these' })
      .option('file', { alias: 'f', type: 'string', requiresArg: true, describe: 'The lock beside this file' })
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'Free ones too' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON' })
      .example('$0 status', 'everything in use')
      .example("$0 status --json | jq '.[].entries[].pid'", 'for scripts') as never,
  handler: async (args) => (await import('./status.ts')).showStatus(args),
};
