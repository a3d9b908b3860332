import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, MAIN } from '../support/cli-rig.ts';
import { CONTAINER, mayContain } from '../support/container.ts';
import { childOf, Rig, until } from '../support/process-rig.ts';

const isRoot = process.getuid?.() === 0;

let rig: Rig;
let container: ChildProcess | null;

beforeEach(() => {
  rig = new Rig();
  container = null;
});

afterEach(async () => {
  if (container && container.exitCode === null && container.signalCode === null) {
    container.kill('SIGKILL');
    await new Promise((resolve) => container?.once('exit', resolve));
  }
  await rig.stop();
});

/** In a container: a shell that starts `lockstep run`, or `job`, with this command, and kills the wrapper when told. */
async function contained(command: string, verb = 'run'): Promise<{ killWrapper: () => Promise<void> }> {
  const file = (name: string) => path.join(rig.root, name);
  const script = `
    "$0" "$1" ${verb} deploy --dir "$2" -- sh -c "$3" & wrapper=$!
    until [ -e ${file('kill')} ]; do sleep 0.01; done
    kill -9 $wrapper; wait $wrapper; touch ${file('killed')}
    while :; do sleep 1; done`;
  const work = `touch ${file('began')}; ${command}`;
  const [program = '', ...args] = [...CONTAINER, 'sh', '-c', script, process.execPath, MAIN, rig.directory, work];
  container = spawn(program, args, { stdio: 'ignore' });
  const come = (name: string) => until(`there is ${name}`, () => fs.existsSync(file(name)));
  await come('began');
  return {
    async killWrapper() {
      fs.writeFileSync(file('kill'), '');
      await come('killed');
    },
  };
}

/** Resolves when the kernel has ended the container's first process, which it does only when it has ended all others. */
async function killContainer(): Promise<void> {
  const first = childOf(container?.pid ?? 0);
  container?.kill('SIGKILL');
  await until('the kernel has ended all of it', () => !isAlive(first));
}

/** What `lockstep` prints outside, or in such a place. */
function printed(words: string[], place: string[] = []): { status: number | null; stdout: string } {
  const [program = '', ...args] = [...place, process.execPath, MAIN, ...words, '--dir', rig.directory];
  return spawnSync(program, args, { encoding: 'utf8' });
}

/** The results of the runs of the job, the oldest first, as they are seen in such a place. */
function results(place?: string[]): string[] {
  const runs: Array<{ result: string }> = JSON.parse(printed(['history', 'deploy', '--json'], place).stdout);
  return runs.map(({ result }) => result);
}

/** The status of a command line that tries once to get the lock: outside, or in such a place. */
function triesOnce(place: string[] = []): number | null {
  const [program = '', ...args] = [...place, process.execPath, MAIN, 'run', 'deploy', '--dir', rig.directory];
  return spawnSync(program, [...args, '-n', '--', 'true']).status;
}

function lifelines(): string[] {
  return fs.readdirSync(path.join(rig.directory, 'sessions')).filter((name) => name.endsWith('.command'));
}

describe.runIf(mayContain)('a command in a container whose wrapper was killed', () => {
  test.each(['run', 'job'])(
    'by `%s` keeps its lock for as long as it runs; then a single try gets it',
    async (verb) => {
      const { killWrapper } = await contained('sleep 600 & wait', verb);
      await until('it has its lifeline', () => lifelines().length === 1);
      await killWrapper();
      expect(triesOnce()).toBe(75);
      container?.kill('SIGKILL');
      await until('a single try gets it', () => triesOnce() === 0);
    },
  );

  test('keeps its lock also if it has closed all descriptors that it inherited, as sudo does', async () => {
    const closing = `exec perl -e 'use POSIX; POSIX::close($_) for 3..255; open my $f, ">", "${rig.root}/closed"; sleep'`;
    const { killWrapper } = await contained(closing);
    await until('it has closed them', () => fs.existsSync(path.join(rig.root, 'closed')));
    // The wrapper finds that, and withdraws a lifeline that nothing holds.
    await until('its lifeline is withdrawn', () => lifelines().length === 0);
    await killWrapper();
    expect(triesOnce()).toBe(75);
    expect(triesOnce()).toBe(75);
  });
});

describe.runIf(mayContain)('a command in a container whose process group was made outside of it', () => {
  test.each([
    ['--timeout', ['-t', '50ms']],
    ['--timeout, after SIGTERM in vain', ['-t', '50ms', '--kill-after', '50ms']],
  ])('is ended by %s', async (how, options) => {
    const ignoring = how.endsWith('in vain') ? "trap '' TERM; " : '';
    const work = `${ignoring}sleep 600 & wait; wait`;
    const args = [
      ...CONTAINER.slice(1),
      MAIN,
      'run',
      'deploy',
      '--dir',
      rig.directory,
      '-q',
      ...options,
      '--',
      'sh',
      '-c',
      work,
    ];
    // The group of a process that is started detached is its own: process 1 of the container has it, too, and sees it as 0.
    container = spawn('unshare', args, { stdio: 'ignore', detached: true });
    const status = await new Promise((resolve) => container?.once('exit', resolve));
    expect(status).toBe(124);
    expect(triesOnce()).toBe(0);
  });
});

describe.runIf(mayContain)('when a container is killed whole, its lock is free', () => {
  test.each([
    ['`run -n`', ['run', 'deploy', '-n']],
    ['`run -w` with less time than a heartbeat would take', ['run', 'deploy', '-w', '5s']],
    ['`job`, which tries once', ['job', 'deploy', '-v']],
  ])('for %s, at the first try', async (_, words) => {
    await contained('exec sleep 600');
    expect(triesOnce()).toBe(75);
    await killContainer();
    const args = [MAIN, ...words, '--dir', rig.directory, '--', 'echo', 'RAN'];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout).toBe('RAN\n');
  });
});

describe.runIf(mayContain)('a run of a job in a container', () => {
  test.each([
    ['here', [] as string[]],
    ['in another container', CONTAINER],
  ])(
    'runs, seen %s, until the container is killed whole; then it is lost, before and after the next run',
    async (_, place) => {
      await contained('exec sleep 600', 'job');
      expect(results(place)).toEqual(['running']);
      await killContainer();
      expect(results(place)).toEqual(['lost']);
      expect(printed(['jobs', '--check'], place)).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(/^deploy: failed: .* was lost/),
      });
      expect(printed(['jobs', '--prometheus'], place).stdout).toContain('lockstep_job_running{job="deploy"} 0');
      expect(printed(['job', 'deploy', '-c', 'true'], place).status).toBe(0);
      expect(results(place)).toEqual(['lost', 'succeeded']);
    },
  );

  test('is stuck, and not lost, for as long as its command outlives its killed wrapper', async () => {
    const { killWrapper } = await contained('exec sleep 600', 'job');
    await killWrapper();
    expect(JSON.parse(printed(['jobs', '--json']).stdout)).toMatchObject([{ state: 'stuck', stuck: 'orphaned' }]);
    expect(results()).toEqual(['running']);
    await killContainer();
    expect(results()).toEqual(['lost']);
  });
});

describe.runIf(mayContain)('a lock that was acquired for a shell', () => {
  test.each([
    ['here, from a container', [] as string[], CONTAINER],
    ['in a container, from here', CONTAINER, []],
    ['in a container, from another one', CONTAINER, CONTAINER],
  ])('%s, is not robbed', async (_, there, from) => {
    const script = `"$0" "$1" acquire deploy --dir "$2" --pid $$ && exec sleep 600`;
    const [program = '', ...args] = [...there, 'sh', '-c', script, process.execPath, MAIN, rig.directory];
    container = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => container?.stdout?.once('data', resolve));
    expect(triesOnce(from)).toBe(75);
    expect(triesOnce(from)).toBe(75);
    container.kill('SIGKILL');
    await until('a single try here gets it', () => triesOnce() === 0);
  });
});

describe.runIf(isRoot)('a holder that changes its user', () => {
  const PROGRAM = `
    import { Lock, openStore } from ${JSON.stringify(path.join(path.dirname(MAIN), '../lib/index.js'))};
    await new Lock('deploy', { store: openStore(process.argv[1]) }).acquire();
    process.setgid(65534);
    process.setuid(65534);
    process.stdout.write('dropped');
    setInterval(() => undefined, 1000);`;

  test.each([
    ['in this namespace', [] as string[]],
    ...(mayContain ? [['in another pid namespace', CONTAINER] as [string, string[]]] : []),
  ])('%s keeps its lock, and loses it when it is dead', async (_, through) => {
    const [program = '', ...args] = [...through, process.execPath, '--input-type=module', '-e', PROGRAM, rig.directory];
    container = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => container?.stdout?.once('data', resolve));
    expect(triesOnce()).toBe(75);
    // A process that changes its user does not end with its parent any more, although `--kill-child` said so.
    process.kill(through.length > 0 ? childOf(container.pid ?? 0) : (container.pid ?? 0), 'SIGKILL');
    await until('a single try gets it', () => triesOnce() === 0);
  });
});
