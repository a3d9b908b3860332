import { EtcdError, malformed } from './etcd-error.ts';
import { LongStream, type StreamParts } from './long-stream.ts';
import { decode, encode } from './message.ts';
import {
  WATCH_REQUEST,
  WATCH_RESPONSE,
  type WatchCreateRequest,
  type WatchEvent,
  type WatchResponse,
} from './watch-messages.ts';

const METHOD = { name: 'watch', path: '/etcdserverpb.Watch/Watch' };

/** The most events that belong together. etcd sends them in fragments of about a megabyte. */
const MAX_EVENTS = 200_000;

/** The numbers of the statuses that the words for a cancellation stand for. */
const PERMISSION_DENIED = 7;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** The parts of a watch request that a caller chooses. */
export type WatchOptions = Pick<WatchCreateRequest, 'key' | 'rangeEnd' | 'startRevision' | 'prevKv' | 'filters'>;

export interface WatchListener {
  /**
   * Events in order; those of one revision always together. After an interruption they go on where they stopped: none is
   * missing, and none comes twice. `revision`: the store's, when they were sent.
   */
  onEvents(events: readonly WatchEvent[], revision: number): void;
  /** A server watches, as of this revision of the store: first, and again after each interruption. */
  onCreated?(revision: number): void;
  /** It broke off: no events come until `onCreated`. */
  onInterrupted?(reason: Error): void;
  /**
   * It cannot go on. Called once, and nothing after it. `COMPACTED`: the events that come next are not kept any more; read
   * anew, and watch from there. Else `DENIED`, `REFUSED`, `MALFORMED` or `CLOSED`.
   */
  onEnd(error: EtcdError): void;
}

/**
 * A watch on a key or a range. It moves to another member when its own fails, and goes on after the last event that it
 * reported. It does not keep the process alive.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #listener: WatchListener;
  readonly #stream: LongStream;
  /** The first revision that has not been reported; 0: that is for the server to say. */
  #next: number;
  #fragments: WatchEvent[] = [];
  #isCreated = false;
  #isOver = false;

  constructor(parts: StreamParts, options: WatchOptions, listener: WatchListener) {
    this.#options = options;
    this.#listener = listener;
    this.#next = options.startRevision ?? 0;
    this.#stream = new LongStream(parts, METHOD, {
      onOpen: () => this.#create(),
      onMessage: (message) => this.#take(message),
      onInterrupted: (reason) => this.#listener.onInterrupted?.(reason),
      onFinal: (error) => this.#end(error),
      ask: () => this.#ask(),
    });
    this.#stream.open();
  }

  /** Ends it. Nothing is called any more. */
  cancel(): void {
    this.#isOver = true;
    this.#stream.stop();
  }

  #create(): void {
    this.#fragments = [];
    this.#isCreated = false;
    const create = { ...this.#options, startRevision: this.#next, progressNotify: true, fragment: true };
    this.#stream.send(encode(WATCH_REQUEST, { create }));
  }

  /** Asks for a sign of life, which a server sends at once. */
  #ask(): void {
    if (this.#isCreated) this.#stream.send(encode(WATCH_REQUEST, { progress: {} }));
  }

  #take(message: Buffer): void {
    const response = this.#decoded(message);
    if (response === null) return;
    if (response.canceled) {
      this.#canceled(response);
      return;
    }
    if (response.created) this.#created(response);
    if (!this.#isOver) this.#gather(response);
  }

  /** Null, and the watch ends, if it is no answer: another member would send the same. */
  #decoded(message: Buffer): WatchResponse | null {
    try {
      return decode(WATCH_RESPONSE, message);
    } catch (error) {
      this.#end(malformed(METHOD.name, this.#stream.at, error as Error));
      return null;
    }
  }

  #created({ header }: WatchResponse): void {
    this.#isCreated = true;
    if (this.#next === 0) this.#next = header.revision + 1;
    this.#stream.served();
    this.#listener.onCreated?.(header.revision);
  }

  #gather({ header, watchId, created, events, fragment }: WatchResponse): void {
    if (this.#fragments.length + events.length > MAX_EVENTS) {
      this.#end(malformed(METHOD.name, this.#stream.at, new Error(`more than ${MAX_EVENTS} events belong together`)));
      return;
    }
    const whole = this.#fragments.length === 0 ? events : [...this.#fragments, ...events];
    this.#fragments = fragment ? [...whole] : [];
    if (fragment) return;
    const last = whole.at(-1);
    if (last !== undefined) {
      this.#next = last.kv.modRevision + 1;
      this.#listener.onEvents(whole, header.revision);
    } else if (!created && watchId >= 0) {
      // The server's own report that all events up to here were sent. (The answer to `#ask`, whose id is -1, may overtake
      // events in Debian's 3.4.23: etcd issue 15220.)
      this.#next = Math.max(this.#next, header.revision + 1);
    }
  }

  #canceled({ compactRevision, cancelReason }: WatchResponse): void {
    if (compactRevision > 0) {
      this.#end(compacted(this.#stream.at, this.#next, compactRevision));
      return;
    }
    // 3.4 says that permission is denied where a token has expired.
    if (cancelReason.includes('permission denied') && this.#stream.renewToken(new Error(cancelReason))) return;
    this.#stream.refused({ code: codeOf(cancelReason), message: cancelReason });
  }

  #end(error: EtcdError): void {
    if (this.#isOver) return;
    this.cancel();
    this.#listener.onEnd(error);
  }
}

function compacted(at: string, next: number, compactRevision: number): EtcdError {
  return new EtcdError(
    'COMPACTED',
    `etcd watch at ${at}: revision ${next} is no longer kept; the oldest is ${compactRevision}. Read anew, and watch from there.`,
    { operation: 'watch', compactRevision },
  );
}

/** A cancellation comes with words alone. Without any, the server ends the watch for reasons of its own. */
function codeOf(reason: string): number {
  if (reason === '') return UNAVAILABLE;
  if (reason.includes('permission denied')) return PERMISSION_DENIED;
  if (/auth token|user name is empty|auth store is old/.test(reason)) return UNAUTHENTICATED;
  return FAILED_PRECONDITION;
}
