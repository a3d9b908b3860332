import type { CommandModule } from 'yargs';
import { namesOptions } from '../../args/options.ts';
import type { ForgetArguments } from './forget.ts';

export const forget: CommandModule<object, ForgetArguments> = {
  command: 'forget [names..]',
  describe: 'Remove names that nobody uses, and jobs that were retired',
  builder: (argv) =>
    namesOptions(argv, ['file', 'older-than'], 'The names to remove')
      .usage(
        '$0 forget NAME… [options]\n$0 forget --older-than DURATION [NAME…] [options]\n\nRemoves the names from the store, with their kind, number of permits, value and history, and prints them. The name of a job goes with its run log and its expectation, so `$0 jobs` neither shows it nor reports it as late any more. A name that has a holder or a waiter, and a job that runs, stays: exit 75. If there is no such name: exit 1. Whoever uses a forgotten name makes it anew, as a lock or as anything else; its fencing tokens go on growing.',
      )
      .option('file', { alias: 'f', type: 'string', requiresArg: true, describe: 'The lock beside this file' })
      .option('older-than', {
        type: 'string',
        requiresArg: true,
        describe:
          'Only those, or without NAME all, that were not used for so long, and have no value: no counter but one at 0 from which was never taken, no event that is set; and no job with --expect, or that is late, failed or stuck',
      })
      .example('$0 forget deploy', 'it was made a semaphore by mistake')
      .example('$0 forget old-backup', 'a job that was renamed, or taken out of the crontab')
      .example('$0 forget --older-than 30d', 'in a crontab') as never,
  handler: async (args) => (await import('./forget.ts')).forgetNames(args),
};
