import { UsageError } from '../../output/exit.ts';

const TRY_MS = 5_000;
const TRIES = 2;
/** All that is reported after the command's end takes no longer. */
const TOTAL_MS = 10_000;
/** So many redirects are followed, each of them within the monitor's own origin. */
const MAX_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
/** How much of an address that the monitor names is repeated. */
const MAX_NAMED = 200;
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
  #start: Promise<boolean> = Promise.resolve(true);

  constructor(url: URL, onFailure: (why: string) => void) {
    this.#url = url;
    this.#onFailure = onFailure;
  }

  /** Nobody waits for it. */
  start(): void {
    this.#start = this.#tell('start', '', within(TRY_MS, this.#begun.signal));
  }

  /** `what`: an exit code, or `fail`; `0` is a success. Resolves when it is told, or cannot be; never rejects. */
  async end(what: string, body: string): Promise<void> {
    const total = within(TOTAL_MS);
    const late = setTimeout(() => this.#begun.abort(), LATE_START_MS);
    // Told in its order: else the service would take the run for one that goes on.
    await this.#start;
    clearTimeout(late);
    for (let tries = 1; tries <= TRIES && !total.signal.aborted; tries++)
      if (await this.#tell(what, body, within(TRY_MS, total.signal))) break;
    total.done();
  }

  async #tell(what: string, body: string, bound: Bound): Promise<boolean> {
    const why = await this.#post(what, body, bound.signal);
    bound.done();
    if (why !== null) this.#onFailure(why);
    return why === null;
  }

  /** Null if it was told; else why not. */
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
   * The body is a job's output, meant for the origin that the caller named: it goes to no other host, port or scheme,
   * wherever that one points. Within it a redirect is followed as browsers do: by 307 and 308 with the same body, by
   * the others with none.
   */
  async #send(address: URL, request: Sent): Promise<string | null> {
    for (let redirects = 0, at = address, sent = request; ; redirects++) {
      const response = await fetch(at, { ...sent, headers: HEADERS, redirect: 'manual' });
      // Unread, it would keep the connection; and nobody waits for an answer that never ends.
      void response.body?.cancel().catch(() => undefined);
      const to = redirectOf(response, at);
      if (to === null) return response.ok ? null : `the monitor answered ${response.status}`;
      if (to.origin !== this.#url.origin) return `the monitor redirects to ${named(to)}; not followed`;
      if (redirects === MAX_REDIRECTS)
        return `the monitor redirects again and again, last to ${named(to)}; not followed`;
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

/** Where an answer points, or null if it points nowhere. */
function redirectOf({ status, headers }: Response, from: URL): URL | null {
  const location = headers.get('location');
  if (location === null || !REDIRECTS.includes(status) || !URL.canParse(location, from.href)) return null;
  return new URL(location, from);
}

/** Without a user name and password, which are nobody's business. */
function named({ protocol, host, pathname }: URL): string {
  const address = `${protocol}//${host}${pathname}`;
  return address.length > MAX_NAMED ? `${address.slice(0, MAX_NAMED)}…` : address;
}

interface Bound {
  signal: AbortSignal;
  done: () => void;
}

/**
 * A signal that aborts after a time, or with another one. (`AbortSignal.any` of a timeout would do the same, but some versions of
 * Node collect it as garbage while `fetch` waits for it, and then nothing ever ends that.)
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
