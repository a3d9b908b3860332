import type { CommandModule } from 'yargs';
import { type WaitArguments, type WordArguments, waitOptions } from '../options.ts';

export interface EditArguments extends WaitArguments, WordArguments {
  file?: string;
}

export const edit: CommandModule<object, EditArguments> = {
  command: 'edit [file]',
  describe: 'Change a JSON file with a filter, locked and atomically',
  builder: (argv) =>
    waitOptions(argv)
      .usage(
        '$0 edit FILE.json [options] -- FILTER [ARG…]\n\nFILTER gets the file on stdin, and what it prints replaces the file, under the file’s lock. If it fails, or prints no JSON, the file stays as it was and FILTER’s status is passed on (65 for no JSON).',
      )
      .positional('file', { type: 'string', describe: 'The JSON file' })
      .example("$0 edit ticket.json -- jq '.count -= 1'", 'sell a ticket') as never,
  handler: async (args) => (await import('../actions/edit.ts')).editFile(args),
};
