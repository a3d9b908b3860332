import type { CommandModule } from 'yargs';
import { storeOptions } from '../../args/options.ts';
import type { DoctorArguments } from './doctor.ts';

export const doctor: CommandModule<object, DoctorArguments> = {
  command: 'doctor',
  describe: 'Check the store and this system, and suggest repairs',
  builder: (argv) =>
    storeOptions(argv)
      .usage(
        '$0 doctor [options]\n\nChecks the store’s place, file system, clock, entries and leftovers, and this system; of a store on servers, which of them answer, their alarms and databases. It changes nothing, except for a private file that it creates, tests and removes. Exits 1 if there is a problem; notes and warnings do not count.',
      )
      .option('json', { type: 'boolean', default: false, describe: 'Print the findings as JSON' })
      .option('fix', {
        type: 'boolean',
        default: false,
        describe: 'Remove files of dead processes that are no longer needed: never a journal, never an entry',
      })
      .option('new-base', {
        type: 'boolean',
        default: false,
        describe: 'On servers: after their data was restored from a backup, let tokens go on above all earlier ones',
      })
      .example('$0 doctor', 'check everything')
      .example('$0 doctor --json | jq \'.findings[] | select(.level == "problem")\'', 'for scripts') as never,
  handler: async (args) => (await import('./doctor.ts')).examine(args),
};
