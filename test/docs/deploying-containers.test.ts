import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, MAIN, type Program, Rig, until } from '../support/cli-rig.ts';
import { CONTAINER, mayContain } from '../support/container.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { childOf } from '../support/process-rig.ts';
import { commandOf, instructionsOf, podOf, RECIPES, servicesOf } from './deploying-page.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  fs.mkdirSync(rig.path('bin'));
  fs.symlinkSync(MAIN, rig.path('bin/lockstep'));
  fs.symlinkSync(process.execPath, rig.path('bin/node'));
});
afterEach(() => rig.end());

/** What an image starts: says that it works, waits, and ends when it is asked to. */
const WORK = `echo "$$" >> working
trap 'exit 143' TERM
while :; do sleep 0.01; done`;
const WORKER = `require('node:fs').appendFileSync('working', process.pid + '\\n');
process.on('SIGTERM', () => process.exit(143));
setInterval(() => undefined, 1_000);`;

/** Starts a command line as a container does: as process 1 of a pid namespace, with these variables alone. */
function container(words: string[], env: Record<string, string> = {}): Program {
  const own = { PATH: `${rig.path('bin')}:/usr/bin:/bin`, LOCKSTEP_DIR: rig.storePath, ...env };
  const pairs = Object.entries(own).map(([name, value]) => `${name}=${value}`);
  const [program = '', ...args] = [...CONTAINER, 'env', '-i', ...pairs, ...words];
  return rig.start(program, args, { input: '' });
}

function begun(): number {
  return rig.exists('working') ? rig.read('working').trim().split('\n').length : 0;
}

async function working(count: number): Promise<void> {
  await until(`the work has begun ${count} times`, () => begun() === count);
}

/** What \`docker stop\` does first: SIGTERM to process 1. */
function stop({ pid }: Program): void {
  process.kill(childOf(pid), 'SIGTERM');
}

describe('the page', () => {
  test('gives a store in a volume of its own to all containers of the image', () => {
    const store = instructionsOf(RECIPES.dockerfile, 'ENV').find((pair) => pair.startsWith('LOCKSTEP_DIR='));
    const services = Object.values(servicesOf(RECIPES.compose));
    expect(services.map(({ volumes }) => volumes)).toEqual(Array(2).fill([`locks:${store?.split('=')[1]}`]));
    expect(instructionsOf(RECIPES.cronDockerfile, 'VOLUME')).toEqual([
      /^LOCKSTEP_DIR=(.*)$/m.exec(RECIPES.cronCrontab)?.[1],
    ]);
  });

  test('has commands for them that Lockstep has', () => {
    const [look = '', start = ''] = RECIPES.composeCommands.trim().split('\n');
    const [service, ...words] = look.replace(/#.*/, '').trim().split(/ +/).slice(3);
    expect(servicesOf(RECIPES.compose)).toHaveProperty([service ?? '']);
    expect(spawnSync(MAIN, [...words.slice(1), '--dir', rig.storePath]).status).toBe(0);
    expect(servicesOf(RECIPES.compose)).toHaveProperty([start.split(' ').at(-1) ?? '']);
  });
});

describe.runIf(mayContain)('containers of the image', () => {
  const WORDS = commandOf(RECIPES.dockerfile);

  test('work one at a time; the next one works at once when the first is stopped, or killed', async () => {
    rig.write('worker.js', WORKER);
    const first = container(WORDS);
    await working(1);
    const second = container(WORDS);
    const third = container(WORDS);
    await rig.line('worker', 1, 2);
    expect(begun()).toBe(1);
    stop(first);
    expect((await first.ended).status).toBe(143);
    await working(2);
    const holder = [second, third].find((each) => each.running && isHolder(each));
    const rest = holder === second ? third : second;
    holder?.kill('SIGKILL');
    await working(3);
    stop(rest);
    await rest.ended;
    await rig.line('worker', 0, 0);
  });

  /** Whether its container has the work: only the holder has started its command. */
  function isHolder({ pid }: Program): boolean {
    const wrapper = childOf(pid);
    const node = childOf(wrapper);
    return fs.readFileSync(`/proc/${node}/task/${node}/children`, 'utf8') !== '';
  }

  test('reap the orphans of their command', async () => {
    const orphan = "require('node:child_process').spawn('sh', ['-c', 'true & echo $! > orphan']);";
    rig.write('worker.js', `${orphan}\n${WORKER}`);
    const running = container(WORDS);
    await until('there was an orphan', () => rig.exists('orphan'));
    await working(1);
    const children = () =>
      fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isZombieIn(pid, childOf(running.pid)));
    await until('none of them is a zombie', () => children().length === 0);
    stop(running);
    await running.ended;
  });

  function isZombieIn(pid: string, parent: number): boolean {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return state === 'Z' && Number(ppid) === parent;
    } catch {
      return false;
    }
  }

  test('run the job of the compose file, and are ended in the time that `docker stop` gives', async () => {
    const { entrypoint = [], command = [] } = servicesOf(RECIPES.compose).backup ?? {};
    expect(Number(/--kill-after,? (\d+)s/.exec(entrypoint.join(' '))?.[1])).toBeLessThan(10);
    rig.write('backup.sh', `#!/bin/sh\n${WORK}\n`, 0o755);
    const job = container([...entrypoint, ...command]);
    await working(1);
    expect((await rig.run('jobs')).stdout).toMatch(/^backup .*running/m);
    expect(await container([...entrypoint, ...command]).ended).toMatchObject({ status: 0 });
    stop(job);
    expect((await job.ended).status).toBe(143);
    expect(begun()).toBe(1);
  });
});

describe.runIf(mayContain)('a crontab line in a container', () => {
  const line = /^\*\/5 \* \* \* \* root (.*)$/m.exec(RECIPES.cronCrontab)?.[1] ?? '';

  test('runs its job, whose output is in the container’s log; killed with the container, it leaves the lock free at once', async () => {
    rig.write('backup.sh', `#!/bin/sh\necho copied\n${WORK}\n`, 0o755);
    const here = line.replace('cd /app', `cd ${rig.directory}`);
    expect(here).not.toBe(line);
    // Process 1 stands for cron, which starts it by a shell; its output is a file, since a socket, as Node makes them, cannot be opened.
    const cron = container(['sh', '-c', `exec > log; sh -c '${here}' & while :; do sleep 1; done`]);
    await until('its output is in the log', () => rig.exists('log') && rig.read('log').endsWith('copied\n'));
    await working(1);
    const first = childOf(cron.pid);
    cron.kill('SIGKILL');
    await until('the kernel has ended all of it', () => !isAlive(first));
    expect((await rig.run('run', 'backup', '-n', '--', 'true')).status).toBe(0);
    expect((await rig.run('history', 'backup')).stdout).not.toMatch(/ succeeded /);
  });
});

describe.skipIf(!HAS_ETCD || !mayContain)('pods of the CronJob', () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 120_000);
  afterAll(async () => cluster.stop());

  test('two at a time are one run; a pod that is deleted ends its job in its grace time', async () => {
    const { container: pod, graceSeconds } = podOf(RECIPES.cronJob);
    const words = [...pod.command, ...pod.args];
    expect(graceSeconds).toBeGreaterThan(Number(/--kill-after (\d+)s/.exec(words.join(' '))?.[1]));
    const [{ name, value } = { name: '', value: '' }] = pod.env;
    const env = { [name]: value.replace(/\/\/.*\//, `//${cluster.members[0]?.endpoint}/`) };
    rig.write('backup.sh', `#!/bin/sh\n${WORK}\n`, 0o755);
    // Each node has a disk of its own.
    const first = container(words, { ...env, LOCKSTEP_DIR: rig.path('node1') });
    await working(1);
    const second = container(words, { ...env, LOCKSTEP_DIR: rig.path('node2') });
    expect(await second.ended).toMatchObject({ status: 0 });
    expect(begun()).toBe(1);
    stop(first);
    expect((await first.ended).status).toBe(143);
    const third = container(words, { ...env, LOCKSTEP_DIR: rig.path('node2') });
    await working(2);
    stop(third);
    await third.ended;
  });
});
