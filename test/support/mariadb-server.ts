import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { freePorts } from './etcd.ts';
import { OwnServer, programAt, ServerProcess, serverDirectory } from './servers.ts';

const [SERVER, INSTALL] = [programAt('mariadbd'), programAt('mariadb-install-db')];

/** Whether there is a MariaDB here. Where there is none, its tests are skipped, and a word says so. */
export const HAS_MARIADB = SERVER !== null && INSTALL !== null;
if (!HAS_MARIADB) console.warn('left out: the tests with a real MariaDB (Debian: mariadb-server)');

/** A MariaDB of its own, on a free port of the loopback, with the database `shop` of the user `shop`, who has no password. */
export class MariaDbServer extends OwnServer {
  private constructor(port: number, directory: string) {
    const data = path.join(directory, 'data');
    // It refuses root, unless it is told so.
    const user = process.getuid?.() === 0 ? ['--user=root'] : [];
    execFileSync(
      INSTALL ?? '',
      ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...user],
      { stdio: 'pipe' },
    );
    const setUp = path.join(directory, 'set-up.sql');
    fs.writeFileSync(
      setUp,
      // Each statement on a line of its own.
      [
        'CREATE DATABASE IF NOT EXISTS shop;',
        "CREATE USER IF NOT EXISTS shop@'127.0.0.1';",
        "GRANT ALL ON shop.* TO shop@'127.0.0.1';",
        '',
      ].join('\n'),
      { mode: 0o644 },
    );
    super(
      { port, directory },
      new ServerProcess([
        SERVER ?? '',
        '--no-defaults',
        ...user,
        `--datadir=${data}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        '--skip-name-resolve',
        `--socket=${path.join(directory, 'socket')}`,
        `--pid-file=${path.join(directory, 'pid')}`,
        `--init-file=${setUp}`,
        '--innodb-buffer-pool-size=32M',
        '--innodb-log-file-size=16M',
      ]),
    );
  }

  static async start({ directory }: { directory?: string } = {}): Promise<MariaDbServer> {
    const [port = 0] = await freePorts(1);
    const server = new MariaDbServer(port, serverDirectory('mariadb', directory));
    await server.start();
    return server;
  }

  get url(): string {
    return `mysql://shop@127.0.0.1:${this.port}/shop`;
  }
}
