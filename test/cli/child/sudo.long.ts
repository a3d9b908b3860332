import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IS_LIVING, isAlive, MAIN, type Program, type Result, Rig, until } from '../../support/cli-rig.ts';

// A real sudo, which needs root for its rules: in a mount namespace of its own, with a home of root's that forgets what is written.

const RECIPES = fs.readFileSync(new URL('../../../docs/recipes.md', import.meta.url), 'utf8');
const [, ENV_KEEP = ''] = /```sudoers\n([\s\S]*?)```/.exec(RECIPES) ?? [];
/** It is in every user database. */
const NOBODY = 65_534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
const SETUP = `set -e
mount --make-rprivate /
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay overlay -o lowerdir=/root,upperdir=/mnt/upper,workdir=/mnt/work /root
mount --bind sudoers.d /etc/sudoers.d
exec "$@"
`;

function whyNoSudo(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'this needs Linux, and root';
  if (spawnSync('sudo', ['--version']).status !== 0) return 'there is no sudo here';
  if (spawnSync('unshare', ['-m', 'true']).status !== 0) return 'this needs a mount namespace: unshare -m';
  const [program = '', ...args] = [...AS_NOBODY, process.execPath, MAIN, '--version'];
  return spawnSync(program, args).status === 0 ? '' : 'other users cannot read the program';
}

const WHY = whyNoSudo();
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
  fs.chmodSync(rig.directory, 0o755);
  for (const directory of ['sudoers.d', 'bin']) fs.mkdirSync(rig.path(directory));
  rig.write(
    'sudoers.d/test',
    `nobody ALL=(ALL) NOPASSWD: ALL\nDefaults secure_path="${rig.path('bin')}:/usr/bin:/bin"\n`,
    0o440,
  );
  rig.write('bin/lockstep', `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, 0o755);
  rig.write('setup.sh', SETUP);
});
afterEach(() => rig.end());

function store(name: string, uid: number, mode: number): string {
  fs.mkdirSync(rig.path(name));
  fs.chownSync(rig.path(name), uid, NOBODY);
  fs.chmodSync(rig.path(name), mode);
  return rig.path(name);
}

/** A shell’s text, as root or as nobody, where sudo has our rules. */
function shell(who: 'root' | 'nobody', text: string, variables: Record<string, string> = {}): Program {
  const as = who === 'root' ? [] : AS_NOBODY;
  const env = { PATH: `${rig.path('bin')}:/usr/bin:/bin`, LOCKSTEP_DIR: rig.storePath, ...variables };
  return rig.start('unshare', ['-m', 'sh', 'setup.sh', ...as, 'sh', '-c', text], { env });
}

function done(who: 'root' | 'nobody', text: string, variables: Record<string, string> = {}): Promise<Result> {
  return shell(who, text, variables).letGo();
}

/** The pid that it has printed, of a process that no signal of ours may be missed by. */
async function pidOf(program: Program): Promise<number> {
  return rig.stray(Number((await program.says(/in (\d+)/))[1]));
}

describe.skipIf(WHY !== '')(`lockstep beside a real sudo${WHY && ` (skipped: ${WHY})`}`, () => {
  test.each([
    ['root', '-u nobody '],
    ['nobody', ''],
  ] as const)(
    'run by %s, a command under sudo, which closes all descriptors, keeps its lock after the wrapper is killed',
    async (who, user) => {
      store('own', who === 'root' ? 0 : NOBODY, 0o700);
      const gate = rig.gate('gate');
      fs.chmodSync(rig.path('gate'), 0o666);
      const command = `sudo ${user}sh -c 'echo "fds" $(ls /proc/$$/fd); echo in $$; read -r _ < ${rig.path('gate')}'`;
      // The shell becomes the wrapper.
      const wrapper = shell(who, `exec lockstep run n -- ${command}`, { LOCKSTEP_DIR: rig.path('own') });
      const pid = await pidOf(wrapper);
      // None of those by which others see that a command lives.
      expect(wrapper.stdout).toMatch(/fds( \d)+\n/);
      const next = () => done(who, 'lockstep run n -n -q -- true', { LOCKSTEP_DIR: rig.path('own') });
      wrapper.kill('SIGKILL');
      await wrapper.exited();
      expect([isAlive(pid), (await next()).status, (await next()).status]).toEqual([true, 75, 75]);
      gate.open();
      await until('sudo has ended', () => !isAlive(pid));
      await until('the lock is free', async () => (await next()).status === 0);
    },
  );

  test('-t ends what root runs as another user by sudo, before the next one gets in', async () => {
    const program = shell('root', `exec lockstep run n -t 2s -- sudo -u nobody sh -c 'echo in $$; sleep 600; :'`);
    const pid = await pidOf(program);
    const next = shell('root', `lockstep run n -- sh -c '${IS_LIVING}; is_living ${pid}; echo "there: $?"'`);
    expect((await program.ended).status).toBe(124);
    expect((await next.letGo()).stdout).toBe('there: 1\n');
  });

  test('SIGTERM to the wrapper ends what root runs as another user by sudo', async () => {
    // Printed by the last one of them: one that begins while the others die would not be found.
    const command = `sudo -u nobody sh -c 'sh -c "echo in \\$\\$; exec sleep 600"; :'`;
    const program = shell('root', `exec lockstep run n -- ${command}`);
    const pid = await pidOf(program);
    program.kill('SIGTERM');
    expect([(await program.ended).status, isAlive(pid)]).toEqual([143, false]);
  });

  test.each([
    ['-t', '-t 1s', 124],
    ['SIGTERM', '', 143],
  ])(
    'what a user runs as root by sudo may not be signalled: after %s it is waited for, with a word, and keeps the lock',
    async (how, options, status) => {
      store('own', NOBODY, 0o700);
      const own = { LOCKSTEP_DIR: rig.path('own') };
      // The shell dies of SIGTERM, which sudo passes on; what it has started goes on as root.
      const command = `sudo sh -c 'sh -c "echo in \\$\\$; exec sleep 600"; :'`;
      const text = `exec lockstep run n ${options} --kill-after 100ms -- ${command}`;
      const program = shell('nobody', text, own);
      const pid = await pidOf(program);
      if (how === 'SIGTERM') program.kill('SIGTERM');
      await program.says(`pid ${pid} does not end: it belongs to another user`, 'stderr');
      expect((await done('nobody', 'lockstep run n -n -q -- true', own)).status).toBe(75);
      expect([program.running, isAlive(pid)]).toEqual([true, true]);
      process.kill(pid, 'SIGKILL');
      expect((await program.ended).status).toBe(status);
      expect((await done('nobody', 'lockstep run n -n -q -- true', own)).status).toBe(0);
    },
  );

  test('sudo resets the environment: the lock is in root’s store then, unless the rule of the recipe keeps the variables', async () => {
    const shared = { LOCKSTEP_DIR: store('shared', 0, 0o2770), LOCKSTEP_SHARED: '1' };
    const under = async (sudo: string) =>
      (await done('nobody', `lockstep run n -- ${sudo} lockstep run n -n -q -- sh -c 'echo "$LOCKSTEP_NAME"'`, shared))
        .status;
    expect(await under('sudo')).toBe(0);
    expect(await under(`sudo LOCKSTEP_DIR=${shared.LOCKSTEP_DIR} LOCKSTEP_SHARED=1`)).toBe(75);
    const { stdout } = await done('nobody', 'sudo lockstep doctor', shared);
    expect(stdout).toContain('this is root’s store, not that of nobody');
    rig.write('sudoers.d/lockstep', ENV_KEEP, 0o440);
    expect(await under('sudo')).toBe(75);
  });

  test('a store of a group serves root and a user, each way round, and each finds the other dead when it is', async () => {
    const shared = { LOCKSTEP_DIR: store('shared', 0, 0o2770), LOCKSTEP_SHARED: '1' };
    const keep = 'LOCKSTEP_DIR="$LOCKSTEP_DIR" LOCKSTEP_SHARED=1';
    for (const [first, second] of [
      ['exec lockstep', `sudo ${keep} lockstep`],
      [`exec sudo ${keep} lockstep`, 'lockstep'],
    ]) {
      const holder = shell('nobody', `${first} run n -- sh -c 'echo in $$; read -r _'`, shared);
      const pid = await pidOf(holder);
      const refused = await done('nobody', `${second} run n -n -- true`, shared);
      expect(refused).toMatchObject({ status: 75, stderr: expect.stringMatching(/n: not free now: held by pid \d+/) });
      const waiter = shell('nobody', `${second} run n -w 30s -- echo next`, shared);
      await until('it waits', async () => /waiting/.test((await done('nobody', 'lockstep status n', shared)).stdout));
      process.kill(pid, 'SIGKILL');
      expect(await waiter.letGo()).toMatchObject({ status: 0, stdout: 'next\n' });
    }
    for (const file of fs.readdirSync(shared.LOCKSTEP_DIR, { recursive: true }) as string[])
      expect(fs.statSync(path.join(shared.LOCKSTEP_DIR, file)).gid, file).toBe(NOBODY);
  });

  test('a store of one alone is refused to the other: root’s to the user, the user’s to root', async () => {
    const [roots, users] = [store('roots', 0, 0o700), store('users', NOBODY, 0o700)];
    const outcomes = [
      await done('nobody', `sudo lockstep run n --dir ${users} -- echo ran`),
      await done('nobody', `lockstep run n --dir ${roots} -- echo ran`),
    ];
    expect(outcomes.map(({ status, stdout }) => [status, stdout])).toEqual([
      [74, ''],
      [74, ''],
    ]);
    expect(outcomes[0]?.stderr).toContain('it belongs to another user');
    expect([fs.readdirSync(roots), fs.readdirSync(users)]).toEqual([[], []]);
  });
});
