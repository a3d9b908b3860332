import type { CommandModule } from 'yargs';
import { numberOption } from '../../args/options.ts';
import type { DemoArguments } from './demo.ts';

export const demo: CommandModule<object, DemoArguments> = {
  command: 'demo <demo>',
  describe: 'Show with real processes what Lockstep is for',
  builder: (argv) =>
    argv
      .usage(
        '$0 demo NAME [options]\n\n  tickets  ten buyers, five tickets: exactly five are sold\n  ktv      ten guests, a karaoke room of four\n  lock     acquire and release; and a forgotten release\n  order    ten processes start at once, and print one after another\n  daemon   a daemon ends when main ends, before its work is done\n  daemons  a daemon ends when main’s code ends, while main still waits for an ordinary child\n  alive    a daemon sends heartbeats during the work, and a monitor notices when it stops',
      )
      .positional('demo', {
        choices: ['tickets', 'ktv', 'lock', 'order', 'daemon', 'daemons', 'alive'],
        describe: 'The demo',
      })
      .option('unsafe', {
        type: 'boolean',
        default: false,
        describe: 'tickets: without the lock, to see what it prevents',
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
      .example('$0 demo tickets', 'no ticket is sold twice')
      .example('$0 demo tickets --unsafe', 'the same without the lock')
      .example('$0 demo ktv --scale 0.1', 'a karaoke night in a hurry') as never,
  handler: async (args) => (await import('./demo.ts')).showDemo(args),
};
