import { once } from 'node:events';
import http2, {
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Credentials } from '../../lib/etcd/client/credentials.ts';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import { framed } from '../../lib/etcd/client/frame-reader.ts';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';

/** One request, with ways to answer it rightly and wrongly. */
export class Request {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.stream = stream;
    this.headers = headers;
    this.path = String(headers[':path']);
  }

  /** Answers with this message, and success. */
  answer(message: Uint8Array): void {
    this.raw([framed(message)]);
  }

  /** Answers with these bytes, and a status. */
  raw(chunks: readonly Uint8Array[], trailers: Record<string, string> = { 'grpc-status': '0' }): void {
    this.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    this.stream.on('wantTrailers', () => this.stream.sendTrailers(trailers));
    for (const chunk of chunks) this.stream.write(chunk);
    this.stream.end();
  }

  /** Refuses with headers alone. */
  refuse(code: number, message: string): void {
    const status = { 'grpc-status': String(code), 'grpc-message': message };
    this.stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
  }
}

/** A server of gRPC that answers as a test orders. */
export class GrpcServer {
  readonly requests: Request[] = [];
  readonly sessions: ServerHttp2Session[] = [];
  readonly #server: Http2Server;
  readonly #clients: EtcdClient[] = [];

  private constructor(server: Http2Server, onRequest: (request: Request, number: number) => void) {
    this.#server = server;
    server.on('session', (session) => {
      this.sessions.push(session);
      session.on('error', () => undefined);
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      const request = new Request(stream, headers);
      this.requests.push(request);
      onRequest(request, this.requests.length);
    });
  }

  /** `onRequest` gets each request, and its number from 1. */
  static async start(onRequest: (request: Request, number: number) => void): Promise<GrpcServer> {
    const server = http2.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new GrpcServer(server, onRequest);
  }

  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  client(others: readonly string[] = [], credentials: Credentials | null = null, maxMessageBytes?: number): EtcdClient {
    const address = parseEtcdUrl(`etcd://${[this.endpoint, ...others].join(',')}/test`);
    const client = new EtcdClient(address, {
      credentials,
      ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const session of this.sessions) session.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
