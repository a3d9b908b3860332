import type { CommandModule } from 'yargs';

/** @param verbs the verbs that it can show */
export function helpOn(verbs: readonly string[]): CommandModule<object, { verb?: string }> {
  return {
    command: 'help [verb]',
    describe: 'Show the help of a verb',
    builder: (argv) =>
      argv
        .usage('$0 help [VERB]\n\nShows what `lockstep VERB --help` shows; without VERB, the help of lockstep itself.')
        .positional('verb', { choices: [...verbs], describe: 'The verb' })
        .example('$0 help run', 'the options of `lockstep run`') as never,
    // `cli/main.ts` rewrites `help VERB` as `VERB --help` before it is parsed.
    handler: () => undefined,
  };
}
