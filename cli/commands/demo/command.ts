import type { CommandModule } from 'yargs';
import { numberOption } from '../../args/options.ts';
import { DEMOS, demoList } from './names.ts';
import type { DemoArguments } from './scene.ts';

export const demo: CommandModule<object, DemoArguments> = {
  command: 'demo [name]',
  describe: 'Show with real processes what Lockstep is for',
  builder: (argv) =>
    argv
      .usage(
        `$0 demo [NAME] [options]\n\nEach demo says what it shows, runs real processes for a few seconds, in a temporary directory, and concludes with the figures. Without a NAME, the demos are listed.\n\n${demoList()}`,
      )
      .positional('name', { choices: Object.keys(DEMOS), describe: 'The demo' })
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
      .option('hot', {
        type: 'boolean',
        default: false,
        describe: 'tickets: thousands of them, sold from a hot count, and the writer killed in the middle',
      })
      .option('hot-store', {
        type: 'string',
        requiresArg: true,
        describe: '--hot: where they are sold, redis://HOST:6379. Default: files',
      })
      .option('back', {
        type: 'string',
        requiresArg: true,
        describe: '--hot: the database, mysql://… or postgres://…. Default: a file of SQLite',
      })
      .option('tickets', { ...numberOption('tickets'), default: 5_000, describe: '--hot: how many there are' })
      .option('scale', {
        ...numberOption('scale'),
        describe: 'ktv, daemon, daemons, alive: a factor for all times. Default: 1; of ktv: 0.3',
      })
      .option('no-deadlock-check', { type: 'boolean', default: false, describe: 'lock: hang, as without detection' })
      .example('$0 demo tickets', 'no ticket is sold twice')
      .example('$0 demo tickets --unsafe', 'the same without the lock')
      .example('$0 demo tickets --hot', 'five thousand tickets at a peak, and the database right at the end')
      .example('$0 demo ktv --scale 0.1', 'a karaoke night in a hurry') as never,
  handler: async (args) => (await import('./demo.ts')).showDemo(args),
};
