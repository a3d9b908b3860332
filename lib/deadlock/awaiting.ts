/** Longer chains of functions that await each other are not followed to their ends. */
const MAX_FRAMES = 1_000;

/**
 * The names of the async functions whose end needs the end of the one that calls this: the one that awaits it, the one
 * that awaits that one, and so on.
 *
 * The engine knows them: it lists them in the stack of an error (`at async …`). It follows what `await` and `return` do
 * with a promise, `then`, `Promise.all` and their like; not a callback that settles another promise by hand, nor a
 * promise with two listeners. So a function that is listed does wait, and one that is not listed may wait all the same.
 * A caller must have awaited something, so that those around it have come to their own `await`.
 */
export function functionsAwaiting(): ReadonlySet<string> {
  const { stackTraceLimit, prepareStackTrace } = Error;
  try {
    Error.stackTraceLimit = MAX_FRAMES;
    Error.prepareStackTrace = (_error, sites) => sites;
    const sites: unknown = new Error().stack;
    return new Set(
      Array.isArray(sites) ? (sites as NodeJS.CallSite[]).map((site) => site.getFunctionName() ?? '') : [],
    );
  } catch {
    // The program has made `Error` immutable. Then nothing is known.
    return new Set();
  } finally {
    restore({ stackTraceLimit, prepareStackTrace });
  }
}

function restore(settings: Pick<ErrorConstructor, 'stackTraceLimit' | 'prepareStackTrace'>): void {
  try {
    Object.assign(Error, settings);
  } catch {
    // It could not be changed before, either.
  }
}
