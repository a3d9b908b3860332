import type { CommandModule } from 'yargs';
import { patienceOptions, storeOptions } from '../../args/options.ts';
import type { EventArguments } from './event.ts';

export const event: CommandModule<object, EventArguments> = {
  command: 'event <action> <name>',
  describe: 'Set, clear or await an event',
  builder: (argv) =>
    patienceOptions(storeOptions(argv))
      .usage(
        '$0 event set|clear|wait NAME [options]\n\nAn event starts clear, and once set stays set until it is cleared. `wait` exits 0 once it is set, and 75 if that takes too long; with -n it returns at once.',
      )
      .positional('action', { choices: ['set', 'clear', 'wait'], describe: 'The action' })
      .positional('name', { type: 'string', describe: 'The event: any text of 1 to 200 bytes' })
      .example('$0 event wait database-ready -w 1m && ./serve', 'start when the database is ready')
      .example('$0 event set database-ready', 'release all current and future waiters') as never,
  handler: async (args) => (await import('./event.ts')).actOnEvent(args),
};
