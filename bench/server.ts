import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/** A hang guard. */
const START_MS = 30_000;

/** A real server on the loopback, with its data in a directory. */
export class Server {
  /** `host:port` */
  readonly endpoint: string;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.endpoint = `127.0.0.1:${port}`;
    this.#child = child;
  }

  /** Null if the program is not here. Resolves when the server takes connections. */
  static async start(program: string, words: readonly string[], port: number): Promise<Server | null> {
    const child = spawn(program, words, { stdio: 'ignore' });
    const isStarted = await new Promise<boolean>((resolve) => {
      child.once('spawn', () => resolve(true));
      child.once('error', () => resolve(false));
    });
    if (!isStarted) return null;
    // A benchmark that throws leaves none behind.
    process.once('exit', () => child.kill('SIGKILL'));
    const server = new Server(port, child);
    const deadline = performance.now() + START_MS;
    while (!(await isListening(port))) {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      if (performance.now() > deadline) throw new Error(`${program} takes no connection`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return server;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
  }
}

/** An etcd of one member. */
export async function startEtcd(directory: string): Promise<Server | null> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const [url, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const words = {
    'data-dir': directory,
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'log-level': 'error',
  };
  const given = Object.entries(words).map(([name, value]) => `--${name}=${value}`);
  return Server.start('etcd', given, port);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
