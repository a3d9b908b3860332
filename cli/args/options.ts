import type { Argv } from 'yargs';
import { MissingWord } from '../output/exit.ts';

/** The options that several verbs share. */

export interface StoreArguments {
  dir?: string | undefined;
}

export interface ResourceArguments extends StoreArguments {
  name?: string | undefined;
  file?: string | undefined;
}

export interface KindArguments extends ResizeArguments {
  permits?: number | undefined;
  take: number;
  shared: boolean;
  exclusive: boolean;
}

export interface ResizeArguments {
  resize: boolean;
}

export interface FlockArguments {
  flock?: string | undefined;
}

export interface NamesArguments extends StoreArguments {
  names?: string[] | undefined;
}

export interface LimitArguments {
  wait?: string | undefined;
  conflictExitCode: number;
}

export interface PatienceArguments extends LimitArguments {
  nonblock: boolean;
}

export interface WaitingArguments extends PatienceArguments {
  quiet: boolean;
  verbose: boolean;
}

export interface DeadlockArguments {
  noDeadlockCheck: boolean;
}

/** The words behind `--`, which `cli/main.ts` splits off. */
export interface WordArguments {
  words?: string[] | null;
}

/** An option that takes a number. yargs turns anything else into NaN, and accepts that. */
export function numberOption(name: string) {
  const coerce = (given: number): number => {
    if (Number.isNaN(given)) throw new RangeError(`--${name} must be a number`);
    return given;
  };
  return { type: 'number', requiresArg: true, coerce } as const;
}

/** In place of a number: the shell that calls. */
export const CALLER = 'caller';

/** `--pid`, which may be without a number. yargs knows no `implied`: `typedWords` fills it in. */
export const pidOption = {
  type: 'string',
  requiresArg: true,
  implied: CALLER,
} as const;

export function storeOptions<T>(argv: Argv<T>): Argv<T & StoreArguments> {
  return argv.option('dir', {
    type: 'string',
    alias: 'store',
    describe:
      'The store: a directory, or etcd://HOST/PREFIX. Default: $LOCKSTEP_STORE, $LOCKSTEP_DIR, or ~/.local/state/lockstep',
    requiresArg: true,
  }) as Argv<T & StoreArguments>;
}

export function resourceOptions<T>(argv: Argv<T>): Argv<T & ResourceArguments> {
  return storeOptions(argv)
    .positional('name', { type: 'string', describe: 'The resource: any text of 1 to 200 bytes' })
    .check(checkResource as never, false)
    .option('file', {
      type: 'string',
      alias: 'f',
      describe: 'Instead of NAME: the lock beside this file',
      requiresArg: true,
    }) as unknown as Argv<T & ResourceArguments>;
}

/** To be called first: a user who gave no name needs to see what the verb takes. @throws {UsageError} */
function checkResource({ name, file }: ResourceArguments): true {
  if (name === undefined && file === undefined) throw new MissingWord('NAME (or --file FILE)');
  return true;
}

/** The names of a verb that takes any number of them, and `--dir`. `single`: its other options that take a value. */
export function namesOptions<T>(
  argv: Argv<T>,
  single: readonly string[],
  describe = 'Only these',
): Argv<T & NamesArguments> {
  return lastCounts(storeOptions(argv), ['dir', ...single]).positional('names', {
    type: 'string',
    array: true,
    describe,
  }) as unknown as Argv<T & NamesArguments>;
}

/** Lets yargs collect a list: it then makes an array of every option that is given twice. Of these, the last one counts. */
export function lastCounts<T>(argv: Argv<T>, options: readonly string[]): Argv<T> {
  return argv
    .parserConfiguration({ 'duplicate-arguments-array': true })
    .coerce(options, (given: string | string[] | undefined) =>
      Array.isArray(given) ? given.at(-1) : given,
    ) as Argv<T>;
}

/** For a verb that runs a command. */
export function flockOption<T>(argv: Argv<T>): Argv<T & FlockArguments> {
  return argv.option('flock', {
    type: 'string',
    requiresArg: true,
    describe: 'Also lock this file, as flock does, for programs that still use that',
  }) as unknown as Argv<T & FlockArguments>;
}

export function patienceOptions<T>(argv: Argv<T>): Argv<T & PatienceArguments> {
  return limitOptions(
    argv.option('nonblock', {
      alias: ['n', 'nb', 'nonblocking'],
      type: 'boolean',
      default: false,
      describe: 'Do not wait: exit 75 instead',
    }),
  ) as unknown as Argv<T & PatienceArguments>;
}

export function limitOptions<T>(argv: Argv<T>): Argv<T & LimitArguments> {
  return argv
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
    }) as unknown as Argv<T & LimitArguments>;
}

export function waitingOptions<T>(argv: Argv<T>): Argv<T & WaitingArguments> {
  return patienceOptions(argv)
    .option('quiet', {
      alias: 'q',
      type: 'boolean',
      default: false,
      describe: 'Print no message about waiting or not acquiring',
    })
    .option('verbose', {
      alias: 'v',
      type: 'boolean',
      default: false,
      describe: 'Print when it was acquired, and how long that took',
    }) as unknown as Argv<T & WaitingArguments>;
}

export function deadlockOptions<T>(argv: Argv<T>): Argv<T & DeadlockArguments> {
  return argv.option('no-deadlock-check', {
    type: 'boolean',
    default: false,
    describe: 'Keep waiting in a deadlock, instead of reporting it (exit 75)',
  }) as unknown as Argv<T & DeadlockArguments>;
}

/** For a verb with `--permits`. */
export function resizeOption<T>(argv: Argv<T>): Argv<T & ResizeArguments> {
  return argv.option('resize', {
    type: 'boolean',
    default: false,
    describe: 'If it has another number of permits, and nobody uses it: make it anew with this number',
  }) as unknown as Argv<T & ResizeArguments>;
}

export function kindOptions<T>(argv: Argv<T>): Argv<T & KindArguments> {
  return resizeOption(argv)
    .option('permits', {
      ...numberOption('permits'),
      alias: 'p',
      describe: 'Use a semaphore with this many permits',
    })
    .option('take', {
      ...numberOption('take'),
      default: 1,
      describe: 'How many permits to take',
    })
    .option('shared', {
      alias: 's',
      type: 'boolean',
      default: false,
      describe: 'Share the lock with other --shared holders',
    })
    .option('exclusive', {
      alias: ['x', 'e'],
      type: 'boolean',
      default: false,
      describe: 'Hold the lock alone (the default)',
    }) as unknown as Argv<T & KindArguments>;
}
