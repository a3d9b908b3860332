import type { Argv } from 'yargs';

/** The options that several verbs share, said once. */

export interface StoreArguments {
  dir?: string | undefined;
}

export interface ResourceArguments extends StoreArguments {
  name?: string | undefined;
  file?: string | undefined;
}

export interface KindArguments {
  permits?: number | undefined;
  take: number;
  shared: boolean;
  exclusive: boolean;
}

export interface PatienceArguments {
  nonblock: boolean;
  wait?: string | undefined;
  conflictExitCode: number;
}

export interface WaitArguments extends PatienceArguments {
  quiet: boolean;
  verbose: boolean;
}

export interface DeadlockArguments {
  noDeadlockCheck: boolean;
}

/** The words behind `--`, which `cli/main.ts` put aside. */
export interface WordArguments {
  words?: string[] | null;
}

/** An option that takes a number. yargs makes NaN of anything else, and would let it pass. */
export function numberOption(name: string) {
  const coerce = (given: number): number => {
    if (Number.isNaN(given)) throw new RangeError(`--${name} must be a number`);
    return given;
  };
  return { type: 'number', requiresArg: true, coerce } as const;
}

export function storeOptions<T>(argv: Argv<T>): Argv<T & StoreArguments> {
  return argv.option('dir', {
    type: 'string',
    describe: 'The store. Default: $LOCKSTEP_DIR, or ~/.local/state/lockstep',
    requiresArg: true,
  }) as Argv<T & StoreArguments>;
}

export function resourceOptions<T>(argv: Argv<T>): Argv<T & ResourceArguments> {
  return storeOptions(argv)
    .positional('name', { type: 'string', describe: 'The resource: any text of 1 to 200 bytes' })
    .option('file', {
      type: 'string',
      alias: 'f',
      describe: 'Instead of NAME: the lock that lives beside this file',
      requiresArg: true,
    }) as unknown as Argv<T & ResourceArguments>;
}

export function patienceOptions<T>(argv: Argv<T>): Argv<T & PatienceArguments> {
  return argv
    .option('nonblock', {
      alias: ['n', 'nb'],
      type: 'boolean',
      default: false,
      describe: 'Do not wait: exit 75 if one would have to',
    })
    .option('wait', {
      alias: 'w',
      type: 'string',
      requiresArg: true,
      describe: 'Wait at most this long, then exit 75',
    })
    .option('conflict-exit-code', {
      alias: 'E',
      type: 'number',
      requiresArg: true,
      default: 75,
      describe: 'The exit code instead of 75',
    }) as unknown as Argv<T & PatienceArguments>;
}

export function waitOptions<T>(argv: Argv<T>): Argv<T & WaitArguments> {
  return patienceOptions(argv)
    .option('quiet', {
      alias: 'q',
      type: 'boolean',
      default: false,
      describe: 'Say nothing of waiting, or of not getting it',
    })
    .option('verbose', {
      alias: 'v',
      type: 'boolean',
      default: false,
      describe: 'Say when it was acquired, and how long that took',
    }) as unknown as Argv<T & WaitArguments>;
}

export function deadlockOptions<T>(argv: Argv<T>): Argv<T & DeadlockArguments> {
  return argv.option('no-deadlock-check', {
    type: 'boolean',
    default: false,
    describe: 'Wait on in a deadlock, instead of telling it (exit 75)',
  }) as unknown as Argv<T & DeadlockArguments>;
}

export function kindOptions<T>(argv: Argv<T>): Argv<T & KindArguments> {
  return argv
    .option('permits', {
      ...numberOption('permits'),
      alias: 'p',
      describe: 'A semaphore: how many may be in at a time',
    })
    .option('take', {
      ...numberOption('take'),
      default: 1,
      describe: 'How many of the permits to take',
    })
    .option('shared', {
      alias: 's',
      type: 'boolean',
      default: false,
      describe: 'Share the lock with others who share it',
    })
    .option('exclusive', {
      alias: ['x', 'e'],
      type: 'boolean',
      default: false,
      describe: 'Share it with nobody (the default)',
    }) as unknown as Argv<T & KindArguments>;
}
