import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, MAIN, type Program, Rig, until } from '../support/cli-rig.ts';
import { ROOT } from './package-rig.ts';

/** Why Alpine's userland cannot be had here; empty if it can. */
function whyNot(): string {
  if (process.platform !== 'linux') return 'this needs Linux';
  if (spawnSync('busybox', ['true']).status !== 0) return 'this needs busybox';
  return spawnSync('unshare', ['-m', 'true']).status === 0 ? '' : 'this needs a mount namespace: unshare -m';
}

/**
 * Runs its arguments where /bin and /usr/bin have busybox's commands and Node, and nothing else has a command: /bin/sh is busybox's, and
 * there are no Perl, no GNU `cp` and no GNU `env`.
 */
const IN_BUSYBOX = `
touch "$BIN/node" && mount --bind "$NODE" "$BIN/node" || exit 99
mount --rbind "$BIN" /usr/bin || exit 99
[ "$(readlink -f /bin)" = /usr/bin ] || mount --rbind "$BIN" /bin || exit 99
export PATH=/usr/bin:/bin
exec "$@"`;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  const bin = rig.path('bin');
  fs.mkdirSync(bin);
  fs.copyFileSync(execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(), `${bin}/busybox`);
  const applets = execFileSync('busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') fs.symlinkSync('busybox', `${bin}/${applet}`);
});
afterEach(() => rig.end());

/** A script of busybox's shell, in which `lockstep` is the command as it is installed. */
function script(text: string, env: Record<string, string> = {}): Program {
  const file = rig.write('script.sh', `lockstep() { "$MAIN" "$@"; }\n${text}`);
  const words = ['-m', '/bin/sh', '-c', IN_BUSYBOX, 'sh', '/bin/sh', file];
  return rig.start('unshare', words, { input: '', env: { ...env, BIN: rig.path('bin'), MAIN } });
}

const why = whyNot();

describe.skipIf(why !== '')(`with the commands of busybox, as on Alpine${why && ` (${why})`}`, () => {
  test('there is no other command', async () => {
    const { stdout } = await script('readlink -f /bin/sh; command -v perl python3 gcc; cp --version 2>&1 | head -n 1')
      .ended;
    expect(stdout).toBe("/usr/bin/busybox\ncp: unrecognized option '--version'\n");
  });

  test('run hands on descriptors, ignored signals, bytes that are no UTF-8, a large environment and the exit status', async () => {
    const { stdout, stderr } = await script(`
      odd=$(printf 'a\\377b')
      echo text > file
      BIG=$(head -c 100000 /dev/zero | tr '\\0' x) ODD=$(printf 'c\\376') && export BIG ODD
      (
        trap '' USR1
        exec 9< file
        [ "$(lockstep run a -- grep SigIgn /proc/self/status)" = "$(grep SigIgn /proc/self/status)" ] && echo same
        lockstep run a -- sh -c 'printf "%s" "$1" "$ODD" | od -An -tx1; echo \${#BIG}; cat <&9; kill -USR1 $$; exit 7' x "$odd"
        echo $?
      )`).ended;
    expect({ stdout, stderr }).toEqual({ stdout: 'same\n 61 ff 62 63 fe\n100000\ntext\n7\n', stderr: '' });
  });

  test('a variable with a name that no shell has reaches the command', async () => {
    const { stdout, stderr } = await script(`env 'odd.name=1' "$MAIN" run a -- env | grep odd`).ended;
    expect({ stdout, stderr }).toEqual({ stdout: 'odd.name=1\n', stderr: '' });
  });

  test('what cannot be handed on without Perl is refused in words, before the command begins', async () => {
    const { stdout, stderr } = await script(`
      trap '' USR1
      env 'odd.name=1' "$MAIN" run a -- echo in
      echo $?`).ended;
    expect(stdout).toBe('126\n');
    expect(stderr).toMatch(/^lockstep: cannot start echo: .* no Perl, .* 'odd\.name'.*\n$/);
  });

  test('others wait, are refused, and get in at the death of the holder', async () => {
    const program = script(`
      lockstep run a -- sh -c 'echo "in $$"; sleep 1000' &
      read -r line < gate
      lockstep run -n a -- true; echo $?
      kill -9 $!
      lockstep run a -- echo next`);
    execFileSync('mkfifo', [rig.path('gate')]);
    const [, pid] = await program.says(/^in (\d+)$/m);
    rig.stray(Number(pid));
    fs.writeFileSync(rig.path('gate'), 'go\n');
    await program.says(/^75$/m);
    // The command, which was not killed, has it still.
    process.kill(Number(pid), 'SIGKILL');
    await program.says(/^next$/m);
  });

  test('daemons are ended when their program is killed, also one that ignores SIGTERM, and one that is stopped', async () => {
    rig.write(
      'main.cjs',
      `const { Process } = require(${JSON.stringify(`${ROOT}dist/lib/index.cjs`)});
      for (const script of [':', 'trap "" TERM', 'kill -s STOP $$']) {
        const command = ['sh', '-c', \`echo "daemon $$"; \${script}; while :; do sleep 0.05; done\`];
        new Process({ command, daemon: true, grace: 300 }).start();
      }
      console.log('main', process.pid);
      setInterval(() => undefined, 1_000);`,
    );
    const program = script('exec node main.cjs');
    const begun = () => [...program.stdout.matchAll(/^daemon (\d+)$/gm)];
    await until('all have begun', () => begun().length === 3);
    const daemons = begun().map(([, pid]) => rig.stray(Number(pid)));
    const [, main] = await program.says(/^main (\d+)$/m);
    process.kill(Number(main), 'SIGKILL');
    await until('the daemons are gone', () => !daemons.some(isAlive));
  });

  test('job ends all that a command has started when its time is over', async () => {
    const { stdout } = await script(`
      lockstep job j --timeout 2s -- sh -c 'sleep 1000 & echo "child $!"; sleep 1000'
      echo $?`).ended;
    expect(stdout).toMatch(/^child \d+\n124\n$/);
    await until('the child is gone', () => !isAlive(Number(/child (\d+)/.exec(stdout)?.[1])));
  });

  test('edit keeps the mode of the file, and replaces it at once', async () => {
    const file = rig.write('config.json', '{ "a": 1 }\n', 0o640);
    const { stdout, stderr } = await script('lockstep edit config.json -- sed s/1/2/; echo $?').ended;
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
    expect(fs.readFileSync(file, 'utf8')).toBe('{ "a": 2 }\n');
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
  });

  test('the first process of a container passes signals on, and leaves with the status of the command', async () => {
    const { stdout } = await script(`
      unshare --pid --fork --mount-proc "$MAIN" run a -- sh -c 'sh -c "sleep 0.01 &"; echo in $$; exit 4'
      echo $?`).ended;
    expect(stdout).toMatch(/^in \d+\n4\n$/);
  });
});
