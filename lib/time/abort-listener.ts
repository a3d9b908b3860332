/**
 * All listeners of one signal, behind a single one. Many waits may share a signal (that of a whole program, say), and
 * Node reports the eleventh listener of a signal as a leak.
 */
class AbortAudience {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(listener: () => void): void {
    if (this.#listeners.size === 0) this.#signal.addEventListener('abort', this.#notify);
    this.#listeners.add(listener);
  }

  remove(listener: () => void): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#signal.removeEventListener('abort', this.#notify);
  }

  readonly #notify = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };
}

const audiences = new WeakMap<AbortSignal, AbortAudience>();

/** Calls back when the signal aborts, until the returned function is called. It ignores an abort that came before. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => undefined;
  const audience = audiences.get(signal) ?? new AbortAudience(signal);
  audiences.set(signal, audience);
  audience.add(listener);
  return () => audience.remove(listener);
}
