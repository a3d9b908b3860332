import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../support/cli-rig.ts';
import { CONTAINER, mayContain } from '../support/container.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const hasBusybox = spawnSync('busybox', ['true']).status === 0;
if (!hasBusybox) console.warn('left out: the tests with the commands of busybox alone (Debian: busybox)');

/** A root whose only commands are those of busybox, Node and Lockstep, as an image of Alpine has them; but the libraries are this machine's. */
const SETUP = `set -e
mount --make-rprivate /
mount -t tmpfs none root
mkdir -p root/bin root/usr root/proc root/dev root/etc root/work root/checkout
for place in lib lib64; do
  [ ! -e "/usr/$place" ] || { mkdir "root/usr/$place"; mount --bind "/usr/$place" "root/usr/$place"; ln -s "usr/$place" "root/$place"; }
done
mount --bind /dev root/dev
mount -t proc proc root/proc
mount --bind "$1" root/checkout
mount --bind work root/work
echo 'root:x:0:0::/work:/bin/sh' > root/etc/passwd
cp "$(command -v busybox)" root/bin/busybox
busybox chroot root /bin/busybox --install -s /bin
touch root/bin/node
mount --bind "$2" root/bin/node
ln -s /checkout/dist/cli/main.js root/bin/lockstep
exec busybox chroot root /bin/env -i PATH=/bin LOCKSTEP_DIR=/work/store /bin/sh -c "cd /work; exec 2>&1; $3"`;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  for (const name of ['root', 'work']) fs.mkdirSync(rig.path(name));
});
afterEach(() => rig.end());

/** Runs a script where there are no other commands, and returns its status and all that it printed. */
async function run(script: string): Promise<{ status: unknown; printed: string }> {
  const node = fs.realpathSync(process.execPath);
  const words = [...CONTAINER, 'sh', '-c', SETUP, 'sh', path.resolve(ROOT), node, script];
  const { status, stdout, stderr } = await rig.start(words[0] ?? '', words.slice(1), { input: '' }).ended;
  return { status, printed: stdout + stderr };
}

describe.runIf(mayContain && hasBusybox && process.getuid?.() === 0)('with the commands of busybox alone', () => {
  test.each([
    ['there is no other one', 'ls -l /bin/sh /bin/cp /bin/env | grep -c busybox; which perl || echo none', '3\nnone\n'],
    ['run', 'lockstep run a -- echo in; lockstep run a -- sh -c "exit 3" || echo $?', 'in\n3\n'],
    ['run --timeout', 'lockstep run a -t 200ms -- sleep 60 2> /dev/null || echo $?', '124\n'],
    ['job', 'lockstep job a -q -- sh -c "exit 3" || echo $?; lockstep jobs | grep -c failed', '3\n1\n'],
    ['edit', 'echo "{\\"a\\":1}" > a.json; lockstep edit a.json -- sed s/1/2/; cat a.json', '{"a":2}\n'],
    ['acquire', 'lockstep acquire a --pid 1 > token; lockstep run a -n -q -- true || echo $?', '75\n'],
    ['with', 'lockstep with -d "sleep 60" -- echo main', 'main\n'],
    [
      'run that is killed: its command keeps the lock',
      // It holds before its command runs: killed in between, it would leave none.
      'mkfifo gate; lockstep run a -- sh -c "echo in; : > began; read -r _ < gate" & until [ -e began ]; do :; done; ' +
        'kill -9 $!; lockstep run a -n -q -- true || echo $?; echo > gate; lockstep run a -w 10s -q -- echo out',
      'in\n75\nout\n',
    ],
  ])('%s', async (_, script, printed) => {
    expect(await run(script)).toEqual({ status: 0, printed });
  });
});
