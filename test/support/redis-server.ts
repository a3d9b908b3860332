import fs from 'node:fs';
import path from 'node:path';
import { freePorts } from './etcd.ts';
import { OwnServer, programAt, ServerProcess, serverDirectory } from './servers.ts';

/** Whether there is a Redis here. Where there is none, its tests are skipped, and a word says so. */
export const HAS_REDIS = programAt('redis-server') !== null;
if (!HAS_REDIS) console.warn('left out: the tests with a real Redis (Debian: redis-server)');

export interface RedisServerOptions {
  /** Default: a log that is synced before each answer. */
  settings?: Record<string, string>;
  /** Default: one in memory, where that may be. */
  directory?: string;
}

/** A Redis of its own, on a free port of the loopback. */
export class RedisServer extends OwnServer {
  private constructor(port: number, directory: string, settings: Record<string, string>) {
    const all = {
      ...{ port: String(port), bind: '127.0.0.1', dir: directory, save: '', daemonize: 'no' },
      ...{ appendonly: 'yes', appendfsync: 'always', ...settings },
    };
    const words = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
    super({ port, directory }, new ServerProcess([programAt('redis-server') ?? 'redis-server', ...words]));
  }

  static async start({ settings = {}, directory }: RedisServerOptions = {}): Promise<RedisServer> {
    const [port = 0] = await freePorts(1);
    const server = new RedisServer(port, serverDirectory('redis', directory), settings);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** While it is not running. */
  deleteData(): void {
    for (const name of fs.readdirSync(this.directory))
      fs.rmSync(path.join(this.directory, name), { recursive: true, force: true });
  }

  /** While it is not running: a copy of its data, and what brings that back. */
  copyData(): () => void {
    const copy = `${this.directory}-copy`;
    fs.cpSync(this.directory, copy, { recursive: true });
    return () => {
      this.deleteData();
      fs.cpSync(copy, this.directory, { recursive: true });
      fs.rmSync(copy, { recursive: true });
    };
  }
}
