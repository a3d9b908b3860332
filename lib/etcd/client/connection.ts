import http2, { type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2';
import net from 'node:net';
import type { Clock } from '../../time/clock.ts';
import { connectFailure } from './connect-failure.ts';
import { type Endpoint, endpointName } from './endpoint.ts';
import { grpcTimeout } from './grpc-status.ts';
import { GrpcStream, type StreamListener } from './grpc-stream.ts';
import { Liveness } from './liveness.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';

/** A server that has not greeted by then is left for the next one. (A stopped one is still connected to, by its kernel.) */
const CONNECT_MS = 1_000;

/** How much a server may send before we confirm: 64 KB would halt a large range for a round trip. */
const WINDOW_BYTES = 1 << 20;

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly tls: TlsFiles | null;
  /** The largest message that is accepted. */
  readonly maxBytes: number;
}

export interface StreamRequest {
  readonly path: string;
  readonly token: string | null;
  /** Whether a member without a leader is to refuse at once, instead of waiting for one: the next member may have it. */
  readonly needsLeader: boolean;
  /** Ends with the server's own timeout after this many ms. A stream has none. */
  readonly timeoutMs?: number;
  /** Open for as long as it can be: it does not outlive the server's announcement to end. */
  readonly isLong: boolean;
  readonly listener: StreamListener;
  /** Asks for something that the server sends at once on this stream. */
  readonly ask?: () => void;
}

/**
 * One connection to one member: HTTP/2, with or without TLS. It emits no errors: it ends, and everything on it ends with the
 * reason. It never keeps the process alive; callers have timers for that.
 */
export class Connection {
  readonly endpoint: Endpoint;
  readonly #session: ClientHttp2Session;
  readonly #options: ConnectionOptions;
  readonly #liveness: Liveness;
  readonly #long = new Set<{ stream: GrpcStream; ask: (() => void) | undefined }>();
  #lastAccepted = Number.POSITIVE_INFINITY;
  #reason: Error | null = null;
  /** How many calls and streams are on it. */
  #open = 0;
  /** Why nothing more begins on it. */
  #drained: Error | null = null;
  #isReady = false;
  #isUsable = false;
  #settle: (error: Error | null) => void = () => undefined;

  /** @throws {StoreError} if a file of the TLS options cannot be read */
  private constructor(endpoint: Endpoint, options: ConnectionOptions) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#session = http2.connect(authorityOf(endpoint, options.tls), {
      ...tlsOptions(endpoint, options.tls),
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    this.#session.unref();
    this.#liveness = new Liveness(options.clock, {
      ping: (onAnswer) => this.#ping(onAnswer),
      ask: () => {
        for (const { ask } of this.#long) ask?.();
      },
      fail: (reason) => this.fail(reason),
    });
    this.#listen();
  }

  /** Connects, and resolves once the server has greeted; rejects with the reason it did not. */
  static async open(endpoint: Endpoint, options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(endpoint, options);
    await connection.#greeting();
    return connection;
  }

  /** Whether new calls can begin on it. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Whether it has ended, and everything on it. */
  get isOver(): boolean {
    return this.#reason !== null;
  }

  get name(): string {
    return endpointName(this.endpoint);
  }

  /** Begins a call; its listener learns the outcome. */
  start(request: StreamRequest): GrpcStream {
    const { isLong, listener } = request;
    const stream = new GrpcStream({
      session: this.#session,
      headers: headersOf(request, this.#options.tls),
      maxBytes: this.#options.maxBytes,
      lastAccepted: () => this.#lastAccepted,
      onHeard: () => this.#liveness.heard(),
      listener: {
        onMessage: (message) => listener.onMessage(message),
        onEnd: (end) => {
          this.#liveness.end(isLong);
          this.#long.delete(entry);
          this.#open -= 1;
          this.#closeIfDrained();
          listener.onEnd(end.is === 'lost' && this.#reason ? { ...end, reason: this.#reason } : end);
        },
      },
    });
    const entry = { stream, ask: request.ask };
    if (isLong) this.#long.add(entry);
    this.#open += 1;
    this.#liveness.begin(isLong);
    stream.open();
    return stream;
  }

  /** Begins nothing more on it. Calls that wait may end; those that stay open move on to another connection. */
  drain(reason: Error): void {
    this.#isUsable = false;
    this.#settle(reason);
    this.#drained = reason;
    for (const { stream } of [...this.#long]) stream.cancel(reason);
    this.#closeIfDrained();
  }

  /** Ends it, and everything on it. */
  fail(reason: Error): void {
    this.#reason ??= reason;
    this.#isUsable = false;
    this.#liveness.stop();
    this.#settle(this.#reason);
    this.#session.destroy();
  }

  /** Not Node's own `close()`: a session that is closing sends no pings. */
  #closeIfDrained(): void {
    if (this.#drained !== null && this.#open === 0) this.fail(this.#drained);
  }

  #greeting(): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.timer(CONNECT_MS, false, () =>
        this.fail(new Error(`it has not answered within ${CONNECT_MS} ms`)),
      );
      this.#settle = (error) => {
        this.#settle = () => undefined;
        cancel();
        if (error === null) resolve();
        else reject(error);
      };
      if (this.#reason !== null) this.#settle(this.#reason);
    });
  }

  #listen(): void {
    const session = this.#session;
    const isTls = this.#options.tls !== null;
    const onError = (error: Error) => this.fail(this.#isReady ? error : connectFailure(error, isTls));
    session.on('connect', (_, socket) => {
      // Node emits it also for a session that was destroyed while its socket connected.
      if (session.destroyed) return;
      // Node destroys the session then, and does not report it: the alert of a server that refuses our certificate comes this way.
      socket.on('error', onError);
      session.setLocalWindowSize(WINDOW_BYTES);
      if (isTls && session.alpnProtocol !== 'h2') this.fail(new Error('it does not speak HTTP/2'));
    });
    session.on('remoteSettings', () => {
      if (this.#isReady || this.#reason !== null) return;
      this.#isReady = true;
      this.#isUsable = true;
      this.#settle(null);
    });
    session.on('goaway', (code, lastStreamId) => {
      this.#lastAccepted = lastStreamId;
      // A session that is ending sends no pings. Each call that waits on it has its own deadline.
      this.#liveness.stop();
      this.drain(new Error(`it is ending its connections (HTTP/2 error ${code})`));
    });
    session.on('error', onError);
    session.on('close', () =>
      this.fail(this.#isReady ? new Error('it closed the connection') : connectFailure(null, isTls)),
    );
  }

  #ping(onAnswer: () => void): void {
    try {
      this.#session.ping((error) => {
        if (error === null) onAnswer();
      });
    } catch {
      // The session has ended, and its streams with it.
    }
  }
}

function authorityOf(endpoint: Endpoint, tls: TlsFiles | null): string {
  return `${tls === null ? 'http' : 'https'}://${endpointName(endpoint)}`;
}

function tlsOptions({ host }: Endpoint, tls: TlsFiles | null): SecureClientSessionOptions {
  if (tls === null) return {};
  const servername = tls.serverName ?? (net.isIP(host) === 0 ? host : undefined);
  return { ...readTlsFiles(tls), ...(servername === undefined ? {} : { servername }) };
}

function headersOf(request: StreamRequest, tls: TlsFiles | null): http2.OutgoingHttpHeaders {
  const { path, token, needsLeader, timeoutMs } = request;
  return {
    ':method': 'POST',
    ':scheme': tls === null ? 'http' : 'https',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'lockstep',
    ...(needsLeader ? { hasleader: 'true' } : {}),
    ...(timeoutMs === undefined ? {} : { 'grpc-timeout': grpcTimeout(timeoutMs) }),
    // Never in the table of headers that later requests refer to.
    ...(token === null ? {} : { token, [http2.sensitiveHeaders]: ['token'] }),
  };
}
