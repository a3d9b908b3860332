const FIRST_MS = 50;
const MOST_MS = 1_000;
/** The part of a pause that is left to chance, so that a crowd of clients does not come back all at once. */
const JITTER = 0.3;

/** The pauses between attempts that fail: each twice the one before, up to a second. */
export class Backoff {
  #nextMs = FIRST_MS;

  next(): number {
    const ms = this.#nextMs * (1 - JITTER * Math.random());
    this.#nextMs = Math.min(this.#nextMs * 2, MOST_MS);
    return ms;
  }

  reset(): void {
    this.#nextMs = FIRST_MS;
  }
}
