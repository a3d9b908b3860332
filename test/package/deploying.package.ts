import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { RECIPES } from '../docs/deploying-page.ts';
import { isAlive, until } from '../support/cli-rig.ts';
import { freePorts } from '../support/etcd.ts';
import { InstalledApp } from './installed-app.ts';
import { ROOT, run } from './package-rig.ts';

// The tools are fetched first, which takes longer than the tests.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const installed = new InstalledApp();
const { root: app } = installed;

beforeAll(() => installed.install());
afterAll(() => installed.end());

/** Runs a tool from the registry to its end, and resolves to how it ended and what it printed. */
async function tool(packages: string[], ...words: string[]): Promise<{ code: number; stdout: string }> {
  const args = ['exec', '--yes', ...packages.map((name) => `--package=${name}`), '--', ...words];
  return run('npm', args, { cwd: app }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout, stderr }) => ({ code, stdout: `${stdout}${stderr}` }),
  );
}

describe('pm2', () => {
  let pm2: string;
  let port: number;

  beforeAll(async () => {
    const { stdout } = await tool(['pm2@7'], 'sh', '-c', 'command -v pm2');
    pm2 = stdout.trim();
    [port = 0] = await freePorts(1);
    fs.writeFileSync(path.join(app, 'app.js'), RECIPES.pm2App);
    // As on the page, but for the time that a worker has which ignores SIGINT.
    const ecosystem = RECIPES.pm2Ecosystem.replace('kill_timeout: 10_000', 'kill_timeout: 500');
    expect(ecosystem).not.toBe(RECIPES.pm2Ecosystem);
    fs.writeFileSync(path.join(app, 'ecosystem.config.cjs'), ecosystem);
    const script = 'trap "echo INT >> signals" INT; echo $$ >> workers; while :; do sleep 0.05; done';
    fs.writeFileSync(path.join(app, 'worker.sh'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await control('start', 'ecosystem.config.cjs');
  });

  // Its daemon, too.
  afterAll(() => control('kill'));

  function control(...words: string[]): Promise<unknown> {
    const added = { PM2_HOME: path.join(installed.directory, 'pm2'), PORT: String(port) };
    return installed.run(pm2, ['--silent', ...words], added).catch(({ stderr }) => stderr);
  }

  /** Who has done the scheduled work so far, in turn: the logs of all instances have a line each. */
  function leaders(): string[] {
    const logs = path.join(installed.directory, 'pm2/logs');
    const names = fs.readdirSync(logs).filter((name) => /^shop-out/.test(name));
    const all = names.map((name) => fs.readFileSync(path.join(logs, name), 'utf8')).join('');
    return [...all.matchAll(/^instance (\d) does the scheduled work$/gm)].map(([, instance = '']) => instance);
  }

  interface Listed {
    name: string;
    pid: number;
    pm2_env: { NODE_APP_INSTANCE: number; status: string };
  }

  async function listed(name: string): Promise<Listed[]> {
    const { stdout } = await installed.run(pm2, ['jlist'], { PM2_HOME: path.join(installed.directory, 'pm2') });
    return (JSON.parse(stdout) as Listed[]).filter((each) => each.name === name);
  }

  /** On a connection of its own: each goes to the next instance. */
  function answer(): Promise<string> {
    return new Promise((resolve, reject) => {
      http.get({ host: '127.0.0.1', port, agent: false }, (got) => resolve(text(got))).once('error', reject);
    });
  }

  test('in cluster mode all instances serve, and one does the scheduled work; the next one does when that is killed', async () => {
    await until('one leads', () => leaders().length === 1);
    const [leader = ''] = leaders();
    await until(
      'all of them serve',
      async () => new Set(await Promise.all(Array.from({ length: 12 }, answer))).size === 3,
    );
    expect(leaders()).toHaveLength(1);
    const instances = await listed('shop');
    const { pid = 0 } = instances.find((each) => String(each.pm2_env.NODE_APP_INSTANCE) === leader) ?? {};
    process.kill(pid, 'SIGKILL');
    await until('the next one leads', () => leaders().length === 2);
    expect(new Set(leaders()).size).toBe(2);
  });

  test('of two workers one works; stopped by SIGINT and SIGKILL, both leave the lock free', async () => {
    const workers = () => fs.readFileSync(path.join(app, 'workers'), 'utf8').trim().split('\n').map(Number);
    await until('it works', () => fs.existsSync(path.join(app, 'workers')));
    expect(workers()).toHaveLength(1);
    await control('delete', 'worker');
    for (const pid of workers()) await until('it has ended', () => !isAlive(pid));
    expect(fs.readFileSync(path.join(app, 'signals'), 'utf8')).toMatch(/^INT\n/);
    const { stdout } = await installed.run(installed.command, ['run', 'worker', '-w', '10s', '--', 'echo', 'free']);
    expect(stdout).toBe('free\n');
  });
});

test('the workflows have no error that action-validator finds', async () => {
  const right = ['selfHosted', 'hosted'] as const;
  for (const name of right) fs.writeFileSync(path.join(app, `${name}.yml`), RECIPES[name]);
  fs.writeFileSync(path.join(app, 'wrong.yml'), RECIPES.hosted.replace('runs-on', 'run-on'));
  const packages = ['@action-validator/core@0.6.0', '@action-validator/cli@0.6.0'];
  const script = 'for name in "$@"; do action-validator "$name.yml" > "$name.out"; echo "$name $?"; done';
  const { stdout } = await tool(packages, 'sh', '-c', script, 'sh', ...right, 'wrong');
  expect(stdout).toBe('selfHosted 0\nhosted 0\nwrong 1\n');
});

test('the CronJob has the types of the API of Kubernetes', async () => {
  const { stdout } = await tool(['kubernetes-types@1.30'], 'sh', '-c', 'echo "$PATH"');
  const types = path.join(stdout.split(path.delimiter)[0] ?? '', '../kubernetes-types');
  fs.symlinkSync(types, path.join(app, 'node_modules/kubernetes-types'));
  for (const [key, isRight] of [
    ['concurrencyPolicy', true],
    ['concurrency', false],
  ] as const) {
    const value = JSON.stringify(parse(RECIPES.cronJob.replace('concurrencyPolicy', key)));
    const program = `import type { CronJob } from 'kubernetes-types/batch/v1';\nexport const job: CronJob = ${value};\n`;
    fs.writeFileSync(path.join(app, 'cron-job.ts'), program);
    const args = ['--noEmit', '--strict', '--ignoreConfig', '--module', 'preserve', '--types', '', 'cron-job.ts'];
    const compiled = installed.run(`${ROOT}node_modules/.bin/tsc`, args).then(
      () => true,
      ({ stdout }) => stdout,
    );
    if (isRight) expect(await compiled).toBe(true);
    else expect(await compiled).toMatch(/TS2561|TS2353/);
  }
});
