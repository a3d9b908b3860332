import type { CommandModule } from 'yargs';
import { lastCounts, limitOptions, numberOption, storeOptions } from '../../args/options.ts';
import type { QueueArguments } from './queue-arguments.ts';

export const queue: CommandModule<object, QueueArguments> = {
  command: 'queue <name> [action] [items..]',
  describe: 'Pass items from shells and programs that put them to others that get them',
  builder: (argv) =>
    lastCounts(limitOptions(storeOptions(argv)), ['dir', 'wait', 'kill-after'])
      .usage(
        '$0 queue NAME put ITEM… [--max-size N]\n$0 queue NAME get [-n | -w TIME]\n$0 queue NAME run [-n | -w TIME] -- CMD [ARG…]\n$0 queue NAME join [-w TIME]\n$0 queue NAME\n\nput adds each ITEM at the end; without ITEM, or with -, each line of the standard input. get takes the oldest, prints it, and marks it done. run takes item after item, and runs CMD with each as its last word and in LOCKSTEP_ITEM: if CMD exits with 0 the item is done, else it is given back; after --attempts in vain it is moved to the queue NAME.failed. If this wrapper is killed, its item goes to another one once CMD has ended, too. join waits until nothing is queued and nothing taken is unfinished. Without an action the numbers are printed.\n\nget waits for an item, put for room, run for the next item for ever; with -n or -w they end with 75, but run with 0, as nothing is left to do.',
      )
      .positional('name', { type: 'string', describe: 'The queue: any text of 1 to 200 bytes' })
      .positional('action', { type: 'string', describe: 'put, get, run or join' })
      .positional('items', { type: 'string', array: true, describe: 'What to put' })
      .option('nonblock', {
        alias: 'n',
        type: 'boolean',
        default: false,
        describe: 'Do not wait',
      })
      .option('max-size', {
        ...numberOption('max-size'),
        describe: 'With put: wait while so many items are queued. Default: 65536',
      })
      .option('attempts', {
        ...numberOption('attempts'),
        default: 3,
        describe: 'With run: how often an item is tried',
      })
      .option('kill-after', {
        type: 'string',
        requiresArg: true,
        default: '10s',
        describe: 'With run: after a signal to this wrapper, wait this long before SIGKILL',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe:
          'Items to put are JSON; get prints {"value":…,"sequence":…,"attempt":…}; the numbers are printed as JSON',
      })
      .example('$0 queue mail put ada@example.org', 'put one item')
      .example('find . -name "*.png" | $0 queue pictures put -', 'put each line')
      .example('$0 queue pictures run -- optipng', 'work through them, in as many shells as you like')
      .example('$0 queue mail get -n || echo empty', 'take one, if there is one') as never,
  handler: async (args) => (await import('./queue.ts')).useQueue(args),
};
