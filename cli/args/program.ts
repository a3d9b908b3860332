import type { Argv, CommandModule } from 'yargs';

/** The command line as the manual, the completions and `doctor` need it. `cli/main.ts` gives it to every verb. */
export interface Program {
  describe: (argv: Argv) => Argv;
  commands: readonly CommandModule[];
  /** The verbs as the help groups them. */
  groups: ReadonlyArray<readonly [title: string, verbs: readonly string[]]>;
  /** From package.json. It is passed on because each further file that is loaded makes a start a millisecond slower. */
  pack: { version: string; description: string; engines: { node: string } };
  /** The verbs that take words behind `--`. */
  withCommand: readonly string[];
}

export interface ProgramArguments {
  program: Program;
}

const EXAMPLES: Array<[string, string]> = [
  ['$0 run deploy -- ./deploy.sh', 'one deployment at a time'],
  ['$0 run render -p 4 -- ffmpeg …', 'at most four at a time'],
  ['$0 status', 'show holders and waiters'],
  ['$0 monitor', 'show which programs are alive, late or gone'],
];

/** The help of `lockstep` itself. */
export function describeProgram<T>(argv: Argv<T>): Argv<T> {
  return argv
    .usage('$0 VERB …\n\nLocks and semaphores that independent processes share through files on disk.')
    .example(EXAMPLES)
    .epilogue(
      'Exit codes: 75 not acquired, 124 run timeout, 126/127 as in the shell, 128+n signals, 64 usage, 74 I/O.',
    );
}
