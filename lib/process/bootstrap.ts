import type { AsyncLocalStorage } from 'node:async_hooks';
import { shared } from '../copies.ts';
import { MisuseError } from '../errors.ts';

/** The last word of a module's process on its command line, while it loads its module. */
export const CHILD_WORD = '--lockstep-child';

/** The state that all copies of the package in a module's process share. */
const child = shared('child/1', () => ({
  // Already before its program begins: `--import` and `--require` load modules first.
  isLoading: process.argv.at(-1) === CHILD_WORD,
  module: null as string | null,
  /** Whether anything here could start a process. */
  canStart: false,
  /** Its store is true in all that the code of modules outside of functions has started, also after they were loaded. */
  context: null as AsyncLocalStorage<true> | null,
}));

/**
 * Loads the module of this process. Meanwhile, and later in what its code outside of functions has started, no process may
 * be started (`checkLoaded`).
 */
export async function loadAsChild<T>(module: string, load: () => Promise<T>): Promise<T> {
  child.isLoading = true;
  child.module = module;
  const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks');
  const context = new AsyncLocalStorage<true>();
  child.context = context;
  try {
    return await context.run(true, load);
  } finally {
    child.isLoading = false;
    // With it Node follows every promise, which costs all of them a little.
    if (!child.canStart) context.disable();
  }
}

/** Notes that this process has code that may start others. */
export function canStart(): void {
  child.canStart = true;
}

/**
 * A child loads its module anew, and with it all code outside of functions. If that starts children, as a main program does,
 * they would do the same, for ever.
 *
 * @throws {MisuseError} where code of modules that are loaded starts a process
 */
export function checkLoaded(name: string): void {
  if (!child.isLoading && child.context?.getStore() !== true) return;
  throw new MisuseError(
    `${name}: an attempt was made to start a process before this process, itself the child of a Process, has finished its ` +
      `bootstrapping phase. It loads ${child.module ?? 'its modules'}, with all code outside of functions: children that did ` +
      'so would start children for ever. Start processes in the exported function; and if a file is both the main program and a ' +
      "module of a Process, put main's code behind a check that is false in a child: " +
      '`if (process.argv[1] === fileURLToPath(import.meta.url)) { … }`, or in CommonJS `if (require.main === module) { … }`.',
  );
}
