import type { CommandModule } from 'yargs';
import type { ManArguments } from './man.ts';

export const man: CommandModule<object, ManArguments> = {
  command: 'man',
  describe: 'Show the manual',
  builder: (argv) =>
    argv
      .usage(
        '$0 man [options]\n\nAt a terminal, shows the manual with `man`, or as plain text if there is no `man`. Otherwise prints its roff source.',
      )
      .example('$0 man', 'read it')
      .example('$0 man > lockstep.1', 'save its source') as never,
  handler: async (args) => (await import('./man.ts')).showManual(args),
};
