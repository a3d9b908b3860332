import type { CommandModule } from 'yargs';
import { numberOption } from '../../args/options.ts';
import type { DemoArguments } from './demo.ts';

export const demo: CommandModule<object, DemoArguments> = {
  command: 'demo [demo]',
  describe: 'Show, with real processes, what this is for',
  builder: (argv) =>
    argv
      .usage(
        '$0 demo NAME [options]\n\n  tickets  ten buyers, five tickets: exactly five are sold\n  ktv      ten guests, a karaoke room of four\n  lock     acquire and release; and what happens when the release is forgotten\n  order    ten processes start at once, and speak one after another\n  daemon   a daemon ends when main does, before it is done\n  daemons  a daemon ends with main’s code, while main still waits for an ordinary child\n  alive    a daemon reports while work is done, and a monitor notices when it stops',
      )
      .positional('demo', {
        choices: ['tickets', 'ktv', 'lock', 'order', 'daemon', 'daemons', 'alive'],
        describe: 'Which',
      })
      .option('unsafe', {
        type: 'boolean',
        default: false,
        describe: 'tickets: without the lock, to see why there is one',
      })
      .option('think', {
        type: 'string',
        requiresArg: true,
        default: '500ms',
        describe: 'tickets: how long a buyer hesitates',
      })
      .option('scale', {
        ...numberOption('scale'),
        default: 1,
        describe: 'ktv, daemon, daemons, alive: a factor for all times',
      })
      .option('no-deadlock-check', { type: 'boolean', default: false, describe: 'lock: hang, as without detection' })
      .example('$0 demo tickets', 'nobody gets a ticket that is not there')
      .example('$0 demo tickets --unsafe', 'and without the lock')
      .example('$0 demo ktv --scale 0.1', 'a karaoke night in a hurry') as never,
  handler: async (args) => (await import('./demo.ts')).showDemo(args),
};
