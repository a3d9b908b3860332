import type { CommandModule } from 'yargs';
import { numberOption, storeOptions } from '../../args/options.ts';
import type { HotArguments } from './hot.ts';

export const hot: CommandModule<object, HotArguments> = {
  command: 'hot <name>',
  describe: 'Sell from a count at a peak, and write it back to a database later',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 hot NAME --load N | --take N --id ID | --flush | --write-back | --status | --rebuild [options]\n\n--load adds N to what can be sold. --take sells N and prints what is left; the same ID gets the same answer, and no second sale. --flush writes what was sold to the database, and prints what it says is left. --write-back does so again and again, until SIGINT or SIGTERM.\n\nExits 1 if --take finds it sold out, or --status a problem; 75 if the log is full, or another writer holds the lock for too long; 74 if data was lost, or a server does not answer: ask again with the same ID.\n\nPasswords come from $LOCKSTEP_REDIS_PASSWORD, $LOCKSTEP_MYSQL_PASSWORD and $LOCKSTEP_POSTGRES_PASSWORD, or from the files that these name with _FILE at their ends.',
      )
      .positional('name', { type: 'string', describe: 'The count: any text of 1 to 196 bytes' })
      .option('load', { ...numberOption('load'), describe: 'Add N to what can be sold' })
      .option('take', { ...numberOption('take'), describe: 'Sell N' })
      .option('id', {
        type: 'string',
        requiresArg: true,
        describe: 'The order’s own number, for --take; or that of a load, which adds once',
      })
      .option('flush', { type: 'boolean', default: false, describe: 'Write back what was sold' })
      .option('write-back', { type: 'boolean', default: false, describe: 'Write back until a signal comes' })
      .option('status', { type: 'boolean', default: false, describe: 'Show the count, its log, and the database' })
      .option('rebuild', {
        type: 'boolean',
        default: false,
        describe: 'After data was lost: set the count anew from the database',
      })
      .option('hot', {
        type: 'string',
        requiresArg: true,
        describe: 'Where it is sold: redis://HOST:6379. Default: a counter in the store',
      })
      .option('back', {
        type: 'string',
        requiresArg: true,
        describe: 'The database: a file of SQLite, FILE.json, mysql://USER@HOST/DATABASE or postgres://…',
      })
      .option('floor', { ...numberOption('floor'), default: 0, describe: '--take: do not go below it' })
      .option('every', {
        type: 'string',
        requiresArg: true,
        default: '1s',
        describe: '--write-back: the time between two transactions',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .example('$0 hot show-7 --load 5000 --back shop.sqlite', 'open the sale')
      .example('$0 hot show-7 --take 2 --id order-17', 'sell two')
      .example('$0 hot show-7 --write-back --back shop.sqlite', 'beside the sale, in a process of its own')
      .example('$0 hot show-7 --flush --back shop.sqlite', 'after it: the database is right now') as never,
  handler: async (args) => (await import('./hot.ts')).sellHot(args),
};
