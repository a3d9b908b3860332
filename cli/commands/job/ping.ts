import { UsageError } from '../../output/exit.ts';

const TRY_MS = 5_000;
const TRIES = 2;
/** The report of the end takes no longer than this, retries included. */
const TOTAL_MS = 10_000;
/** The number of redirects that are followed, each within the monitor's own origin. */
const MAX_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
/** How much of a redirect's address is printed. */
const MAX_NAMED = 200;
/** How long the report of the start may go on after the end of a command that was faster than the report. */
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
 * Reports a run to a monitoring service, in the format of healthchecks.io: POST to the URL plus `/start` or an exit code. A
 * failure of the service never fails the run, and delays it only up to a bound.
 */
export class Pings {
  readonly #url: URL;
  readonly #run = crypto.randomUUID();
  readonly #onFailure: (why: string) => void;
  readonly #begun = new AbortController();
  #start: Promise<boolean> = Promise.resolve(true);

  constructor(url: URL, onFailure: (why: string) => void) {
    this.#url = url;
    this.#onFailure = onFailure;
  }

  /** Reports the start, in the background. */
  start(): void {
    this.#start = this.#report('start', '', within(TRY_MS, this.#begun.signal));
  }

  /** Reports the end: `what` is an exit code (0: success), or `fail`. Resolves when it is reported, or cannot be; never rejects. */
  async end(what: string, body: string): Promise<void> {
    const total = within(TOTAL_MS);
    const late = setTimeout(() => this.#begun.abort(), LATE_START_MS);
    // A start that arrives after the end would make the service take the run for one that goes on.
    await this.#start;
    clearTimeout(late);
    for (let tries = 1; tries <= TRIES && !total.signal.aborted; tries++)
      if (await this.#report(what, body, within(TRY_MS, total.signal))) break;
    total.done();
  }

  async #report(what: string, body: string, bound: Bound): Promise<boolean> {
    const why = await this.#post(what, body, bound.signal);
    bound.done();
    if (why !== null) this.#onFailure(why);
    return why === null;
  }

  /** Returns null if the report was accepted; else why not. */
  async #post(what: string, body: string, signal: AbortSignal): Promise<string | null> {
    try {
      return await this.#send(this.#address(what), { method: 'POST', body, signal });
    } catch (error) {
      if (signal.aborted) return 'the monitor did not answer in time';
      const { cause, message } = error as Error;
      const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message;
      return `the monitor cannot be reached: ${why}`;
    }
  }

  /**
   * The body is a job's output, meant for the origin in the user's URL: it goes to no other host, port or scheme, wherever a
   * redirect points. Within the origin, redirects are followed as browsers follow them: 307 and 308 with the same body, the
   * others without one.
   */
  async #send(address: URL, request: Sent): Promise<string | null> {
    for (let redirects = 0, at = address, sent = request; ; redirects++) {
      const response = await fetch(at, { ...sent, headers: HEADERS, redirect: 'manual' });
      // An unread body would keep the connection open, and its end may never come.
      void response.body?.cancel().catch(() => undefined);
      const to = redirectOf(response, at);
      if (to === null) return response.ok ? null : `the monitor answered ${response.status}`;
      if (to.origin !== this.#url.origin) return `the monitor redirects to ${named(to)}; not followed`;
      if (redirects === MAX_REDIRECTS) return `the monitor redirects too often, last to ${named(to)}; not followed`;
      at = to;
      if (response.status < 307) sent = { method: 'GET', signal: request.signal };
    }
  }

  #address(what: string): URL {
    const url = new URL(this.#url);
    if (what !== '0') url.pathname = `${url.pathname.replace(/\/+$/, '')}/${what}`;
    url.searchParams.set('rid', this.#run);
    return url;
  }
}

const HEADERS = { 'content-type': 'text/plain; charset=utf-8' };

interface Sent {
  method: 'GET' | 'POST';
  body?: string;
  signal: AbortSignal;
}

/** Returns the address that an answer redirects to, or null if it is no redirect. */
function redirectOf({ status, headers }: Response, from: URL): URL | null {
  const location = headers.get('location');
  if (location === null || !REDIRECTS.includes(status) || !URL.canParse(location, from.href)) return null;
  return new URL(location, from);
}

/** Returns an address for a message, without its user name and password. */
function named({ protocol, host, pathname }: URL): string {
  const address = `${protocol}//${host}${pathname}`;
  return address.length > MAX_NAMED ? `${address.slice(0, MAX_NAMED)}…` : address;
}

interface Bound {
  signal: AbortSignal;
  done: () => void;
}

/**
 * A signal that aborts after a time, or with another signal. (`AbortSignal.any` with a timeout would do the same, but some versions
 * of Node collect it as garbage while `fetch` waits for it, and then `fetch` never ends.)
 */
function within(ms: number, outer?: AbortSignal): Bound {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, ms);
  outer?.addEventListener('abort', abort);
  if (outer?.aborted) abort();
  const done = () => {
    clearTimeout(timer);
    outer?.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, done };
}
