import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** A hang guard: a loaded machine takes long. */
const START_MS = 60_000;
const OUTPUT = 20_000;

/** Where Debian has the programs of PostgreSQL, which are on nobody's path. */
const POSTGRES_PLACES = fs.existsSync('/usr/lib/postgresql')
  ? fs.readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`)
  : [];

/** The place of a program; null if it is not installed. */
export function programAt(name: string): string | null {
  const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', ...POSTGRES_PLACES];
  return places.map((place) => path.join(place, name)).find((file) => fs.existsSync(file)) ?? null;
}

/** A temporary folder, in memory where it may: for data that is of no use after a crash of the machine. `given`: that one. */
export function serverDirectory(name: string, given?: string): string {
  if (given !== undefined) {
    fs.mkdirSync(given, { mode: 0o755 });
    return given;
  }
  const directory = fs.mkdtempSync(
    path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), `lockstep-${name}-`),
  );
  fs.chmodSync(directory, 0o755);
  return directory;
}

/** Root starts a server that refuses root as another user. */
export function nobody(directory: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const uid = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
  const gid = Number(execFileSync('id', ['-g', 'nobody'], { encoding: 'utf8' }));
  fs.chownSync(directory, uid, gid);
  return { uid, gid };
}

/** A server program that a test starts, ends and starts again. */
export class ServerProcess {
  readonly #command: readonly [string, ...string[]];
  readonly #as: { uid?: number; gid?: number };
  /** The signal that ends it at once, with its children. */
  readonly #ending: NodeJS.Signals;
  #child: ChildProcess | null = null;
  output = '';

  constructor(
    command: readonly [string, ...string[]],
    { as = {}, ending = 'SIGKILL' }: { as?: { uid?: number; gid?: number }; ending?: NodeJS.Signals } = {},
  ) {
    this.#command = command;
    this.#as = as;
    this.#ending = ending;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when something listens on its port. */
  async start(port: number): Promise<void> {
    const [program, ...args] = this.#command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', ...this.#as });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        this.output = (this.output + chunk).slice(-OUTPUT);
      });
    this.#child = child;
    const deadline = performance.now() + START_MS;
    while (!(await listens(port))) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`${program} did not start:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Its data stays. */
  async end(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(this.#ending);
    await once(child, 'exit');
  }
}

/** A server of a test's own, on a free port of the loopback, with its data in a directory of its own. */
export abstract class OwnServer {
  readonly port: number;
  readonly directory: string;
  readonly #process: ServerProcess;

  protected constructor(place: { port: number; directory: string }, process: ServerProcess) {
    this.port = place.port;
    this.directory = place.directory;
    this.#process = process;
  }

  abstract get url(): string;

  async start(): Promise<void> {
    await this.#process.start(this.port);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** Its data stays. */
  async kill(): Promise<void> {
    await this.#process.end();
  }

  async stop(): Promise<void> {
    await this.kill();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return isOpen;
}
