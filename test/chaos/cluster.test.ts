import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { EtcdRun } from '../../chaos/etcd/run.ts';
import { chaos, MAIN } from '../support/chaos-run.ts';
import { isAlive, until } from '../support/cli-rig.ts';
import { temporaryDirectory } from '../support/tape.ts';

const { missing } = EtcdRun;
if (missing !== null) console.warn(`left out: the chaos on a cluster of etcd (${missing})`);

test.skipIf(missing !== null)(
  'among members that are stopped, killed, cut off and slow, and processes that are killed and stopped, nobody overlaps and nothing is lost',
  async () => {
    const { status, stdout, stderr, numbers } = await chaos(
      '--store',
      'etcd',
      '--seed',
      '11',
      '--seconds',
      '30',
      '--processes',
      '8',
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(numbers).toMatchObject({ seed: 11, overlaps: 0, lost: 0 });
    for (const what of ['cycles', 'kills', 'stops', 'updates'] as const)
      expect(numbers[what], stdout).toBeGreaterThan(0);
    const [, ...servers] = /servers: (\d+) stopped, (\d+) killed, (\d+) cut off/.exec(stdout) ?? [];
    expect(
      servers.reduce((sum, number) => sum + Number(number), 0),
      stdout,
    ).toBeGreaterThan(1);
  },
  400_000,
);

test.skipIf(missing !== null)(
  'a run that is killed leaves no server, no process and no network behind',
  async () => {
    const env = { ...process.env, TMPDIR: temporaryDirectory() };
    const args = ['--store', 'etcd', '--seconds', '60', '--processes', '4'];
    const run = spawn(process.execPath, [MAIN, ...args], { env, stdio: 'ignore' });
    const lines = (pid: number) => commandOf(pid).join(' ');
    await until(
      'its workers run',
      () => childrenOf(run.pid).filter((pid) => lines(pid).includes('worker.js')).length > 0,
    );
    const all = childrenOf(run.pid);
    const data = /--data-dir=(\S+)\/m0/.exec(all.map(lines).join('\n'))?.[1] ?? '';
    onTestFinished(() => fs.rmSync(data, { recursive: true, force: true }));
    expect(all.filter((pid) => path.basename(commandOf(pid)[0] ?? '') === 'etcd')).toHaveLength(3);
    run.kill('SIGKILL');
    await until('all of them have ended', () => !all.some(isAlive));
  },
  60_000,
);

function commandOf(pid: number): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function childrenOf(parent = 0): number[] {
  try {
    return fs
      .readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}
