import type { CommandModule } from 'yargs';
import type { ProgramArguments } from '../../args/program.ts';

export const man: CommandModule<object, ProgramArguments> = {
  command: 'man',
  describe: 'Show the manual',
  builder: (argv) =>
    argv
      .usage(
        '$0 man [options]\n\nAt a terminal, shows the manual with `man`, or as plain text where there is none. Else prints it as `man` reads it.',
      )
      .example('$0 man', 'read it')
      .example('$0 man > lockstep.1', 'keep it') as never,
  handler: async (args) => (await import('./man.ts')).showManual(args),
};
