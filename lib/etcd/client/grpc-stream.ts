import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { FrameReader, framed } from './frame-reader.ts';
import { type GrpcStatus, statusIn } from './grpc-status.ts';

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = http2.constants;

/** How a stream ended: with the server's status, or without. */
export type StreamEnd =
  | { readonly is: 'status'; readonly status: GrpcStatus }
  /** The stream broke off. `isSent`: whether the server may have got what was sent on it. */
  | { readonly is: 'lost'; readonly isSent: boolean; readonly reason: Error }
  /** The received data is not from a server of etcd, or larger than allowed. */
  | { readonly is: 'malformed'; readonly reason: Error };

export interface StreamListener {
  onMessage(message: Buffer): void;
  /** Called once, and nothing after it. */
  onEnd(end: StreamEnd): void;
}

export interface StreamOptions {
  session: ClientHttp2Session;
  headers: OutgoingHttpHeaders;
  maxBytes: number;
  /** The highest number of a stream that the server has not refused when it announced its end. */
  lastAccepted: () => number;
  onHeard: () => void;
  listener: StreamListener;
}

/** One call of gRPC: messages out, messages in, and a status. It never throws, and its listener's end comes once. */
export class GrpcStream {
  readonly #options: StreamOptions;
  readonly #frames: FrameReader;
  #stream: ClientHttp2Stream | null = null;
  #status: GrpcStatus | null = null;
  /** An HTTP error from something that is no server of gRPC, such as a proxy. */
  #refusal: Error | null = null;
  #error: Error | null = null;
  #hasBegun = false;
  #isOver = false;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#frames = new FrameReader(options.maxBytes);
  }

  /** Whether an answer has begun to arrive. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Begins the call. Its end may come at once. */
  open(): void {
    try {
      this.#stream = this.#options.session.request(this.#options.headers);
      this.#listen(this.#stream);
    } catch (error) {
      this.#finish({ is: 'lost', isSent: false, reason: error as Error });
    }
  }

  send(message: Uint8Array): void {
    if (!this.#isOver && this.#stream?.writable) this.#stream.write(framed(message));
  }

  /** Sends the only message, or the last one. */
  sendLast(message: Uint8Array): void {
    if (!this.#isOver && this.#stream?.writable) this.#stream.end(framed(message));
  }

  /** Ends the call from this side, for a reason that its listener gets. */
  cancel(reason: Error): void {
    const isSent = this.#isSent();
    this.#close();
    this.#finish({ is: 'lost', isSent, reason });
  }

  #listen(stream: ClientHttp2Stream): void {
    stream.on('response', (headers) => {
      this.#options.onHeard();
      this.#hasBegun = true;
      this.#status = statusIn(headers);
      const type = headers['content-type'] ?? '';
      if (this.#status !== null || (headers[':status'] === 200 && type.startsWith('application/grpc'))) return;
      this.#refusal = new Error(`it answered with HTTP ${headers[':status']} and '${type}', which is not gRPC`);
    });
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('trailers', (headers) => {
      this.#options.onHeard();
      this.#status = statusIn(headers) ?? this.#status;
    });
    stream.on('end', () => {
      if (this.#status !== null) this.#conclude();
    });
    stream.on('error', (error) => {
      this.#error = error;
    });
    stream.on('close', () => this.#conclude());
  }

  #take(chunk: Buffer): void {
    this.#options.onHeard();
    if (this.#isOver || this.#refusal !== null) return;
    for (const message of this.#messagesIn(chunk)) if (!this.#isOver) this.#options.listener.onMessage(message);
  }

  #messagesIn(chunk: Buffer): Buffer[] {
    try {
      return this.#frames.push(chunk);
    } catch (error) {
      this.#close();
      this.#finish({ is: 'malformed', reason: error as Error });
      return [];
    }
  }

  #conclude(): void {
    if (!this.#isOver) this.#finish(this.#ending());
  }

  #ending(): StreamEnd {
    if (this.#refusal !== null) return { is: 'lost', isSent: true, reason: this.#refusal };
    if (this.#status?.code === 0 && this.#frames.isInside)
      return { is: 'malformed', reason: new Error('its answer ends in the middle of a message') };
    if (this.#status !== null) return { is: 'status', status: this.#status };
    return { is: 'lost', isSent: this.#isSent(), reason: this.#error ?? new Error(this.#why()) };
  }

  /** Whether the server may have got the request. It announces which streams it never looked at. */
  #isSent(): boolean {
    const stream = this.#stream;
    if (stream === null || stream.id === undefined || stream.pending) return false;
    return stream.rstCode !== NGHTTP2_REFUSED_STREAM && stream.id <= this.#options.lastAccepted();
  }

  #why(): string {
    const code = this.#stream?.rstCode ?? 0;
    return code === 0 ? 'it ended the call without a status' : `it reset the call (HTTP/2 error ${code})`;
  }

  #close(): void {
    const stream = this.#stream;
    if (stream === null || stream.closed) return;
    stream.close(NGHTTP2_CANCEL);
  }

  #finish(end: StreamEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.listener.onEnd(end);
  }
}
