import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';

const CLIENT = new URL('../../build/lib/etcd/client/', import.meta.url).href;

/** Runs a program that has a client; how it ended, and what it printed. */
function program(url: string, body: string, credentials = 'null'): Promise<{ code: number; output: string }> {
  const text = `
    import { EtcdClient } from '${CLIENT}etcd-client.js';
    import { parseEtcdUrl } from '${CLIENT}url.js';
    import { Credentials } from '${CLIENT}credentials.js';
    for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) process.on(event, (e) => console.log(event, e));
    const client = new EtcdClient(parseEtcdUrl('${url}'), { credentials: ${credentials} });
    ${body}`;
  return new Promise((resolve) => {
    const options = { timeout: 60_000, cwd: fileURLToPath(new URL('../..', import.meta.url)) };
    execFile(process.execPath, ['--input-type=module', '-e', text], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
  });
}

const LISTENER = `{ onEvents() { console.log('event') }, onEnd(e) { console.log('end', e.message) } }`;

describe.skipIf(!HAS_ETCD)('in a program of its own', { timeout: 120_000 }, () => {
  test('neither a connection, a watch nor a lease keeps the process alive; a call does', async () => {
    const cluster = await EtcdCluster.start();
    const url = `etcd://${cluster.members[0]?.endpoint}`;
    const body = `
      client.watch({ key: 'a' }, ${LISTENER});
      const lease = await client.keepLease(10_000, { timeoutMs: 30_000 });
      console.log(typeof lease.id);
      setTimeout(() => client.status({ timeoutMs: 30_000 }).then(({ version }) => console.log('answered')), 100);`;
    expect(await program(url, body)).toEqual({ code: 0, output: 'bigint\nanswered\n' });
    await cluster.stop();
  });

  // With a user a token comes first, for which whoever needs it waits as long as its call may.
  const USERS = ['null', "new Credentials('alice', 'secret')"];

  test.each(USERS)(
    'where no member can be reached nothing is thrown into the process, and it ends (%s)',
    async (user) => {
      const body = `
      client.watch({ key: 'a' }, ${LISTENER});
      void client.range({ key: 'a' }, { timeoutMs: 300 }).catch((error) => console.log(error.code));
      void client.put({ key: 'a' }, { keepAlive: false }).catch((error) => console.log(error.code));`;
      const url = 'etcd://127.0.0.1:1,nowhere.invalid:2';
      expect(await program(url, body, user)).toEqual({ code: 0, output: 'UNREACHABLE\n' });
    },
  );

  test('a server that dies under calls, a watch and a lease throws nothing into the process', async () => {
    const cluster = await EtcdCluster.start();
    const url = `etcd://${cluster.members[0]?.endpoint}`;
    const body = `
      client.watch({ key: 'a' }, ${LISTENER});
      const lease = await client.keepLease(10_000, { timeoutMs: 30_000 });
      lease.lost.addEventListener('abort', () => console.log('lost'));
      process.kill(${'PID'}, 'SIGKILL');
      const codes = await Promise.all(Array.from({ length: 50 }, () => client.put({ key: 'a' }, { timeoutMs: 1_000 }).then(() => 'done', ({ code }) => code)));
      console.log(codes.every((code) => ['done', 'UNSURE', 'UNREACHABLE'].includes(code)));`;
    const { code, output } = await program(url, body.replace('PID', String(cluster.members[0]?.pid)));
    expect({ code, output: output.replace('event\n', '') }).toEqual({ code: 0, output: 'true\n' });
    await cluster.stop();
  });
});
