import type { CommandModule } from 'yargs';
import { namesOptions } from '../../args/options.ts';
import type { StatusArguments } from './status.ts';

export const status: CommandModule<object, StatusArguments> = {
  command: 'status [names..]',
  describe: 'Show holders and waiters',
  builder: (argv) =>
    namesOptions(argv, ['file'])
      .usage(
        '$0 status [NAME…] [options]\n\nShows the holders and waiters of the resources named, or of all in use. The process of a stale entry is gone; the next waiter removes the entry. Exits 1 if there is no such name.',
      )
      .option('file', { alias: 'f', type: 'string', requiresArg: true, describe: 'The lock beside this file' })
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'Show free resources too' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .example('$0 status', 'all resources in use')
      .example("$0 status --json | jq '.[].entries[].pid'", 'for scripts') as never,
  handler: async (args) => (await import('./status.ts')).showStatus(args),
};
