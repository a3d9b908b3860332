import type { Argv, CommandModule } from 'yargs';

/** What there is to be completed and explained. `cli/main.ts` hands it to every verb. */
export interface Program {
  describe: (argv: Argv) => Argv;
  commands: readonly CommandModule[];
  /** What package.json says. It comes this way because every file more that is loaded costs a start a millisecond. */
  pack: { version: string; description: string; engines: { node: string } };
  /** The verbs that run a command, whose words are behind `--`. */
  withCommand: readonly string[];
}

export interface ProgramArguments {
  program: Program;
}

const EXAMPLES: Array<[string, string]> = [
  ['$0 run deploy -- ./deploy.sh', 'one deployment at a time'],
  ['$0 run render -p 4 -- ffmpeg …', 'at most four at a time'],
  ['$0 status', 'who holds, who waits'],
  ['$0 monitor', 'who is alive, late or gone'],
];

/** What help and the manual say of `lockstep` itself. */
export function describeProgram<T>(argv: Argv<T>): Argv<T> {
  return argv
    .usage('$0 VERB …\n\nLocks and semaphores that independent processes share through files on disk.')
    .example(EXAMPLES)
    .epilogue(
      'Exit codes: 75 not acquired, 124 run timeout, 126/127 as the shell has them, 128+n signals, 64 usage, 74 I/O.',
    );
}
