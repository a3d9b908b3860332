import type { LineView, Store } from '../../lib/store/store.ts';

/** Resolves to a name's line as soon as it is as wanted. A line that never becomes so ends in the test's own time. */
export async function lineWhere(
  store: Store,
  name: string,
  isWanted: (line: Pick<LineView, 'value' | 'entries'>) => boolean,
): Promise<LineView> {
  for (;;) {
    const line = await store.snapshot(name);
    if (line && isWanted(line)) return line;
    await store.changed(name, { timeoutMs: 20, keepAlive: true });
  }
}

/** Waits until so many wait in a name's line. */
export async function waiting(store: Store, name: string, count: number): Promise<void> {
  await lineWhere(store, name, ({ entries }) => entries.filter(({ state }) => state === 'waiting').length === count);
}

/** How many stand in a name's line, waiting or holding. */
export async function standing(store: Store, name: string): Promise<number> {
  return (await store.snapshot(name))?.entries.length ?? 0;
}

/** A promise that somebody else resolves. */
export class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => undefined;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** What a promise was rejected with; fails if it was not. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was not rejected');
}
