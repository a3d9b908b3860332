import type { CommandModule } from 'yargs';
import { waitOptions } from '../../args/options.ts';
import type { EditArguments } from './edit.ts';

export const edit: CommandModule<object, EditArguments> = {
  command: 'edit [file]',
  describe: 'Change a JSON file with a filter, locked and atomically',
  builder: (argv) =>
    waitOptions(argv)
      .usage(
        '$0 edit FILE.json [options] -- FILTER [ARG…]\n\nRuns FILTER with the file on its stdin, byte for byte, and replaces the file by what FILTER prints, under the file’s lock. If FILTER fails or prints no JSON, the file stays as it was, and FILTER’s status is passed on (65 for no JSON). The owner, mode, access list and extended attributes are kept.',
      )
      .positional('file', { type: 'string', describe: 'The JSON file' })
      .option('allow-new-owner', {
        type: 'boolean',
        default: false,
        describe: 'Let the file become yours where you may not give files away',
      })
      .example("$0 edit ticket.json -- jq '.count -= 1'", 'sell a ticket') as never,
  handler: async (args) => (await import('./edit.ts')).editFile(args),
};
