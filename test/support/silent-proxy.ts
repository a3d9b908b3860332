import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/** Passes TCP on to a port, until it falls silent: from then on nothing arrives on any side, and nothing is closed. */
export class SilentProxy {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #isSilent = false;
  #isMute = false;

  private constructor(server: net.Server, port: number) {
    this.#server = server;
    server.on('connection', (client) => {
      const upstream = net.connect(port, '127.0.0.1');
      this.#pass(client, upstream, () => false);
      this.#pass(upstream, client, () => this.#isMute);
    });
  }

  static async start(port: number): Promise<SilentProxy> {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SilentProxy(server, port);
  }

  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As if a cable were pulled, or put in again: what was sent meanwhile is gone. */
  set isSilent(isSilent: boolean) {
    this.#isSilent = isSilent;
  }

  /** Requests arrive, and their answers do not. */
  set isMute(isMute: boolean) {
    this.#isMute = isMute;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(from: net.Socket, to: net.Socket, isMute: () => boolean): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      if (!this.#isSilent && !isMute()) to.write(chunk);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      if (!this.#isSilent) to.destroy();
    });
  }
}
