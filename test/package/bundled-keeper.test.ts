import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, Rig, until } from '../support/cli-rig.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { processesWith } from '../support/processes-with.ts';
import { ROOT } from './package-rig.ts';

const TTL_MS = 10_000;

/** It acquires `a`, makes the process that is named an owner, and waits for its end. */
const PROGRAM = `
import { Lock } from 'lockstep';
import { openEtcdStore } from 'lockstep/etcd';

async function main([url, pid]) {
  const lock = new Lock('a', { store: openEtcdStore(url) });
  const lease = await lock.acquire();
  console.log('adopted', await lease.handOver(Number(pid)), (await lock.inspect()).entries[0].owners.at(-1).pid);
}

main(process.argv.slice(2));
`;

let rig: Rig;
let cluster: EtcdCluster;
/** There is no file of Lockstep's when the program runs. */
let elsewhere: string;

beforeEach(async () => {
  rig = new Rig();
  elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-bundled-keeper-'));
  cluster = await EtcdCluster.start();
}, 90_000);
afterEach(async () => {
  await rig.end();
  await cluster.stop();
  fs.rmSync(elsewhere, { recursive: true });
});

/** The keepers of this test: Node with its program from standard input. */
const keepers = () => processesWith((words) => words === `${process.execPath}\0-\0`, elsewhere);

describe.skipIf(!HAS_ETCD)(
  'a process to which a program in a bundle handed a lock on etcd',
  { timeout: 60_000 },
  () => {
    test.each(['esm', 'cjs'] as const)(
      'has it kept, and is ended with it, also when the keeper is killed twice (%s)',
      async (format) => {
        const outfile = path.join(elsewhere, `main.${format === 'esm' ? 'mjs' : 'cjs'}`);
        const packages = path.join(elsewhere, 'node_modules');
        fs.mkdirSync(packages);
        fs.symlinkSync(ROOT, path.join(packages, 'lockstep'));
        const stdin = { contents: PROGRAM, resolveDir: elsewhere };
        await build({ stdin, bundle: true, platform: 'node', format, outfile, logLevel: 'silent' });
        fs.rmSync(packages, { recursive: true });
        const owner = rig.start('sleep', ['1000']);
        const url = `etcd://${cluster.members[0]?.endpoint}/t?ttl=${TTL_MS / 1_000}s`;
        const env = { LOCKSTEP_TEST: elsewhere };
        const program = rig.start(process.execPath, [outfile, url, String(owner.pid)], { env, cwd: elsewhere });
        expect(await program.ended).toMatchObject({ stdout: `adopted true ${owner.pid}\n`, stderr: '' });

        let killed = 0;
        for (let count = 0; count < 2; count += 1) {
          await until('there is a keeper', () => keepers().some((pid) => pid !== killed));
          killed = keepers().find((pid) => pid !== killed) ?? 0;
          process.kill(killed, 'SIGKILL');
        }
        await until('there is a third one', () => keepers().some((pid) => pid !== killed));
        const lockstep = (...args: string[]) => rig.lockstep(args, { env: { LOCKSTEP_STORE: url }, input: '' }).ended;
        expect((await lockstep('status', 'a', '--json')).stdout).toContain(`"pid": ${owner.pid}`);
        expect((await lockstep('break', 'a')).status).toBe(0);
        expect((await owner.ended).status).toBe('SIGTERM');
        await until('no keeper is left', () => keepers().length === 0);
        expect(isAlive(killed)).toBe(false);
      },
    );
  },
);
