import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from './failure.ts';

const TRY_MS = 5_000;
const TRIES = 2;
/** All that is reported after the command's end takes no longer. */
const TOTAL_MS = 10_000;
/** How much of that the report of the start may take, where the command was quicker than it. */
const LATE_START_MS = 1_000;

/** @throws {UsageError} */
export function pingUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UsageError(`--ping takes an address such as https://hc-ping.com/…, not '${given}'`);
  if (url.username !== '' || url.password !== '')
    throw new UsageError('--ping takes an address without a user name and password');
  return url;
}

/**
 * Tells a monitoring service of a run, as healthchecks.io has it: POST to the URL with `/start` or an exit code behind it. What the
 * service does, or does not, never fails the run, and delays it only up to a bound.
 */
export class Pings {
  readonly #url: URL;
  readonly #run = crypto.randomUUID();
  readonly #onFailure: (why: string) => void;
  readonly #begun = new AbortController();
  #start: Promise<unknown> = Promise.resolve();

  constructor(url: URL, onFailure: (why: string) => void) {
    this.#url = url;
    this.#onFailure = onFailure;
  }

  /** Nobody waits for it. */
  start(): void {
    this.#start = this.#post('start', '', AbortSignal.any([this.#begun.signal, AbortSignal.timeout(TRY_MS)])).then(
      (why) => why !== null && this.#onFailure(why),
    );
  }

  /** `what`: an exit code, or `fail`; `0` is a success. Resolves when it is told, or cannot be; never rejects. */
  async end(what: string, body: string, stop: AbortSignal): Promise<void> {
    const total = AbortSignal.any([stop, AbortSignal.timeout(TOTAL_MS)]);
    // Told in its order: else the service would take the run for one that goes on.
    await Promise.race([
      this.#start,
      delay(LATE_START_MS, undefined, { signal: total, ref: false }).catch(() => undefined),
    ]);
    this.#begun.abort();
    for (let tries = 1; !total.aborted; tries++) {
      const why = await this.#post(what, body, AbortSignal.any([total, AbortSignal.timeout(TRY_MS)]));
      if (why === null) return;
      this.#onFailure(why);
      if (tries === TRIES) return;
    }
  }

  /** Null if it was told; else why not. */
  async #post(what: string, body: string, signal: AbortSignal): Promise<string | null> {
    try {
      const headers = { 'content-type': 'text/plain; charset=utf-8' };
      const response = await fetch(this.#address(what), { method: 'POST', body, headers, signal, redirect: 'follow' });
      // Unread, it would keep the connection.
      await response.body?.cancel();
      return response.ok ? null : `the monitor answered ${response.status}`;
    } catch (error) {
      if (signal.aborted) return 'the monitor did not answer in time';
      const { cause, message } = error as Error;
      return `the monitor cannot be reached: ${cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message}`;
    }
  }

  #address(what: string): URL {
    const url = new URL(this.#url);
    if (what !== '0') url.pathname = `${url.pathname.replace(/\/+$/, '')}/${what}`;
    url.searchParams.set('rid', this.#run);
    return url;
  }
}
