import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { MonitorArguments } from './monitor.ts';

export const monitor: CommandModule<object, MonitorArguments> = {
  command: 'monitor [names..]',
  describe: 'Show who is alive, late or gone, and every change of that',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 monitor [NAME…] [options]\n\nShows those named, or all who ever reported: alive, late (no beat for too long), gone (its process died, or it failed), ended (it ended well) or unknown. Then a line on every change, until a signal ends it.\n\n--once exits 0 if every one is alive or ended, else 1.',
      )
      // yargs gathers the names as if each were an option given once more. Of real options the last one counts.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['dir', 'max-age', 'exec'], (given: string | string[] | undefined) =>
        Array.isArray(given) ? given.at(-1) : given,
      )
      .positional('names', { type: 'string', array: true, describe: 'Only these' })
      .option('max-age', {
        type: 'string',
        requiresArg: true,
        describe: 'Late is who has not beaten for this long. Default: 3 of its intervals, at least 1s',
      })
      .option('once', { type: 'boolean', default: false, describe: 'A table of how it is now, and an exit code' })
      .option('json', { type: 'boolean', default: false, describe: 'A JSON object a line; with --once, one array' })
      .option('exec', {
        type: 'string',
        requiresArg: true,
        describe:
          'Run this with sh -c on a change, and for those not well at the start; it finds LOCKSTEP_NAME, _STATE, _WAS, _SINCE, _PID, _HOST and _REASON in its environment',
      })
      .example('$0 monitor --max-age 2s', 'every change of everybody, as it happens')
      .example('$0 monitor host packer --once || mail -s alarm ops', 'for cron: are both well?')
      .example('$0 monitor --exec \'logger "$LOCKSTEP_NAME is $LOCKSTEP_STATE"\'', 'act on a change') as never,
  handler: async (args) => (await import('./monitor.ts')).watchReports(args),
};
