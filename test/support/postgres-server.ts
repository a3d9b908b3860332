import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { freePorts } from './etcd.ts';
import { nobody, OwnServer, programAt, ServerProcess, serverDirectory } from './servers.ts';

const [SERVER, INITDB] = [programAt('postgres'), programAt('initdb')];

/** Whether there is a PostgreSQL here. Where there is none, its tests are skipped, and a word says so. */
export const HAS_POSTGRES = SERVER !== null && INITDB !== null;
if (!HAS_POSTGRES) console.warn('left out: the tests with a real PostgreSQL (Debian: postgresql)');

/** A PostgreSQL of its own, on a free port of the loopback; its user `shop` has no password. */
export class PostgresServer extends OwnServer {
  private constructor(port: number, directory: string) {
    const data = path.join(directory, 'data');
    const as = nobody(directory);
    execFileSync(INITDB ?? '', ['-D', data, '-U', 'shop', '-A', 'trust', '--no-sync'], {
      stdio: 'pipe',
      cwd: '/',
      ...as,
    });
    const process = new ServerProcess(
      [SERVER ?? '', '-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-k', directory],
      { as, ending: 'SIGQUIT' },
    );
    super({ port, directory }, process);
  }

  static async start(): Promise<PostgresServer> {
    const [port = 0] = await freePorts(1);
    const server = new PostgresServer(port, serverDirectory('postgres'));
    await server.start();
    return server;
  }

  get url(): string {
    return `postgres://shop@127.0.0.1:${this.port}/postgres`;
  }
}
