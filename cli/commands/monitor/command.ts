import type { CommandModule } from 'yargs';
import { namesOptions } from '../../args/options.ts';
import type { MonitorArguments } from './monitor.ts';

export const monitor: CommandModule<object, MonitorArguments> = {
  command: 'monitor [names..]',
  describe: 'Show which programs are alive, late or gone, and each change',
  builder: (argv) =>
    namesOptions(argv, ['max-age', 'exec'])
      .usage(
        '$0 monitor [NAME…] [options]\n\nShows the reporters named, or all that ever reported: alive, late (no heartbeat for too long), gone (its process died, or it failed), ended (it ended well) or unknown. Then prints a line for each change, until a signal ends it.\n\n--once exits 0 if all of them are alive or ended, else 1.',
      )
      .option('max-age', {
        type: 'string',
        requiresArg: true,
        describe: 'Report as late after this long without a heartbeat. Default: 3 intervals, at least 1s',
      })
      .option('once', { type: 'boolean', default: false, describe: 'Print the current state as a table, and exit' })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print a JSON object per line; with --once, one array',
      })
      .option('exec', {
        type: 'string',
        requiresArg: true,
        describe:
          'Run this with sh -c on each change, and for those late, gone or unknown at the start, with LOCKSTEP_NAME, _STATE, _WAS, _SINCE, _PID, _HOST and _REASON in its environment',
      })
      .example('$0 monitor --max-age 2s', 'each change of all reporters, as it happens')
      .example('$0 monitor host packer --once || mail -s alarm ops', 'for cron: report when one is not well')
      .example('$0 monitor --exec \'logger "$LOCKSTEP_NAME is $LOCKSTEP_STATE"\'', 'act on a change') as never,
  handler: async (args) => (await import('./monitor.ts')).watchReports(args),
};
