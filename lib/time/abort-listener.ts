/**
 * All that listen to one signal, behind one listener. Many waits may share a signal (that of a whole program, say), and
 * Node takes the eleventh listener on one for a leak, and warns.
 */
class AbortAudience {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(listener: () => void): void {
    if (this.#listeners.size === 0) this.#signal.addEventListener('abort', this.#tell);
    this.#listeners.add(listener);
  }

  remove(listener: () => void): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#signal.removeEventListener('abort', this.#tell);
  }

  readonly #tell = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };
}

const audiences = new WeakMap<AbortSignal, AbortAudience>();

/** Calls back when the signal aborts, until the function that it returns is called. An abort before that is not told. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => undefined;
  const audience = audiences.get(signal) ?? new AbortAudience(signal);
  audiences.set(signal, audience);
  audience.add(listener);
  return () => audience.remove(listener);
}
