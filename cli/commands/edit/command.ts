import type { CommandModule } from 'yargs';
import { waitingOptions } from '../../args/options.ts';
import type { EditArguments } from './edit.ts';

export const edit: CommandModule<object, EditArguments> = {
  command: 'edit <file>',
  describe: 'Change a JSON file with a filter, locked and atomically',
  builder: (argv) =>
    waitingOptions(argv)
      .usage(
        '$0 edit FILE.json [options] -- FILTER [ARG…]\n\nRuns FILTER under the file’s lock with the file’s bytes on its stdin, and replaces the file by FILTER’s output. If FILTER fails or prints no JSON, the file stays unchanged, and the exit code is FILTER’s (65 for no JSON). The owner, mode, access list and extended attributes are kept.\n\nA URL names a document in a store on servers instead: etcd://HOST:2379/PREFIX/NAME.json.',
      )
      .positional('file', { type: 'string', describe: 'The JSON file, or the URL of a document' })
      .option('allow-new-owner', {
        type: 'boolean',
        default: false,
        describe: 'Accept that the file becomes yours where you may not set its owner',
      })
      .option('create', {
        type: 'string',
        requiresArg: true,
        describe: 'Of a URL: the JSON to start from, if there is no such document yet',
      })
      .example("$0 edit ticket.json -- jq '.count -= 1'", 'sell a ticket') as never,
  handler: async (args) => (await import('./edit.ts')).editFile(args),
};
