import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { DoctorArguments } from './doctor.ts';

export const doctor: CommandModule<object, DoctorArguments> = {
  command: 'doctor',
  describe: 'Look whether the store is well, and say what to do if not',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 doctor [options]\n\nLooks at the store’s place, file system, clock, entries and leftovers, and at this system. It changes nothing, but for a private file that it makes, tries and removes. Exits 1 if there is a problem; notes and warnings are none.',
      )
      .option('json', { type: 'boolean', default: false, describe: 'The findings as JSON' })
      .option('fix', {
        type: 'boolean',
        default: false,
        describe: 'Remove what dead processes left and nobody can need: never a journal, never an entry',
      })
      .example('$0 doctor', 'is all well?')
      .example('$0 doctor --json | jq \'.findings[] | select(.level == "problem")\'', 'for scripts') as never,
  handler: async (args) => (await import('./doctor.ts')).examine(args),
};
