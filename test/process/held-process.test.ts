import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { heldCommand } from '../../lib/process/held-command.ts';
import { HeldProcess } from '../../lib/process/held-process.ts';
import { isAlive, isStopped, Rig, until } from '../support/cli-rig.ts';

const CHILD_MAIN = fileURLToPath(new URL('../../lib/process/child-main.ts', import.meta.url));
const HELD_PROCESS = fileURLToPath(new URL('../../lib/process/held-process.ts', import.meta.url));

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Builds a program of this text, with `HeldProcess` imported. */
async function wrapper(text: string): Promise<string> {
  const entry = rig.write('wrapper.ts', `import { HeldProcess } from ${JSON.stringify(HELD_PROCESS)};\n${text}`);
  const bundle = await rolldown({ input: entry, platform: 'node' });
  await bundle.write({ file: rig.path('wrapper.mjs'), format: 'esm' });
  return rig.path('wrapper.mjs');
}

test('the command of a wrapper that is killed (SIGKILL) before go() never begins', async () => {
  const program = await wrapper(`
    const child = await HeldProcess.start({ command: ['touch', 'ran'] });
    process.stdout.write('born ' + child.pid);
    process.kill(process.pid, 'SIGKILL');`);
  // Its stdout is the child's too, and is closed when both end.
  const { status, stdout } = await rig.start(process.execPath, [program]).ended;
  expect(status).toBe('SIGKILL');
  const pid = Number(stdout.slice(5));
  await until('the child is gone', () => !isAlive(pid));
  expect(rig.exists('ran')).toBe(false);
});

test('the command begins with go(), in the very process that was born', async () => {
  const program = await wrapper(`
    const child = await HeldProcess.start({ command: ['sh', '-c', 'touch ran; echo $$; exit 3'] });
    console.log(child.pid);
    child.go();
    process.exitCode = (await child.exit()).code;`);
  const { status, stdout } = await rig.start(process.execPath, [program]).ended;
  const [born, ran] = stdout.split('\n');
  expect({ status, ran }).toEqual({ status: 3, ran: born });
  expect(rig.exists('ran')).toBe(true);
});

test('no value of the environment stands in an argument list, and each arrives: also under a name that no shell passes on', async () => {
  const program = await wrapper(`
    import fs from 'node:fs';
    const env = { ...process.env, 'a.b': 'HUNTER2', 'BASH_FUNC_f%%': '() { :\\n}', PLAIN: 'HUNTER3' };
    const command = ['node', '-e', 'const e = process.env; console.log(JSON.stringify([e["a.b"], e["BASH_FUNC_f%%"], e.PLAIN]))'];
    const child = await HeldProcess.start({ command }, { env });
    console.log(fs.readFileSync('/proc/' + child.pid + '/cmdline', 'utf8').includes('HUNTER'));
    child.go();
    await child.exit();`);
  const { stdout } = await rig.start(process.execPath, [program]).ended;
  expect(stdout).toBe(`false\n${JSON.stringify(['HUNTER2', '() { :\n}', 'HUNTER3'])}\n`);
});

test('without perl such a command is not held, and its values still stand in no argument list', () => {
  const env = { 'a.b': 'HUNTER2' };
  const options = { cwd: '/', perl: null };
  const words = ['cmd', 'word'];
  expect(heldCommand(words, env, options)).toEqual({ file: 'cmd', args: ['word'], goFd: null, env: {} });
  const undecoded = { words: new Map([[0, { first: 1, last: 1 }]]), variables: new Map() };
  const inherited = { descriptors: [], ignored: [1] };
  for (const more of [{ undecoded }, { inherited }])
    expect(() => heldCommand(words, env, { ...options, ...more })).toThrow('there is no Perl');
});

test.each([
  [
    'has closed',
    'use POSIX; POSIX::close($_) for 3..255; open my $f, ">", "closed"; sleep 600',
    'closed while it runs\n',
  ],
  ['keeps', 'open my $f, ">", "closed"; sleep 600', ''],
])('whether the command %s its lifeline is told while it runs', async (_, text, told) => {
  const program = await wrapper(`
    import fs from 'node:fs';
    import { setTimeout as delay } from 'node:timers/promises';
    let isOver = false, isTold = false;
    const lifeline = fs.openSync('/dev/null', 'r');
    const onLifelineClosed = () => {
      isTold = true;
      if (!isOver) console.log('closed while it runs');
    };
    const child = await HeldProcess.start({ command: ['perl', '-e', ${JSON.stringify(text)}] }, { lifeline, onLifelineClosed });
    child.go();
    while (!fs.existsSync('closed')) await delay(1);
    while (!isTold && ${told !== ''}) await delay(1);
    isOver = true;
    child.kill('SIGKILL');
    await child.exit();`);
  const { stdout, stderr } = await rig.start(process.execPath, [program]).ended;
  expect({ stdout, stderr }).toEqual({ stdout: told, stderr: '' });
});

test('go() on a child that was killed meanwhile changes nothing', async () => {
  const program = await wrapper(`
    const child = await HeldProcess.start({ command: ['touch', 'ran'] });
    child.kill('SIGKILL');
    child.go();
    console.log((await child.exit()).signal);`);
  const { status, stdout, stderr } = await rig.start(process.execPath, [program]).ended;
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'SIGKILL\n', stderr: '' });
  expect(rig.exists('ran')).toBe(false);
});

test('a command or a module that is dropped before go() never begins', async () => {
  const childMain = await rolldown({ input: CHILD_MAIN, platform: 'node' });
  await childMain.write({ file: rig.path('child-main.js'), format: 'esm' });
  const module = pathToFileURL(rig.write('module.mjs', `import fs from 'node:fs'; fs.writeFileSync('ran', '');`)).href;
  const program = await wrapper(`
    const order = { module: ${JSON.stringify(module)}, exported: 'default', args: new Uint8Array(), daemon: false };
    for (const work of [{ command: ['touch', 'ran'] }, { order }]) {
      const held = await HeldProcess.start(work);
      held.drop();
      await held.exit();
    }`);
  const { status, stderr } = await rig.start(process.execPath, [program]).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(rig.exists('ran')).toBe(false);
});

describe('end() of a process alone', () => {
  /** A shell that runs this line first, and then until a signal ends it. */
  async function looping(line: string): Promise<HeldProcess> {
    const held = await HeldProcess.start(
      { command: ['sh', '-c', `${line}; echo ready; while :; do sleep 0.05; done`] },
      { input: 'ignore', output: 'pipe' },
    );
    held.go();
    if (held.stdout) await once(held.stdout, 'data');
    return held;
  }

  test('is SIGTERM, which a stopped process gets too', async () => {
    const held = await looping(':');
    held.kill('SIGSTOP');
    await until('it is stopped', () => isStopped(held.pid));
    await held.end(30_000);
    expect(await held.exit()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  test('is SIGKILL when the grace is over', async () => {
    const held = await looping("trap '' TERM");
    await held.end(20);
    expect(await held.exit()).toEqual({ code: null, signal: 'SIGKILL' });
    // Its pid may be another process's by now: nothing may be sent there.
    held.kill('SIGKILL');
    await held.end(0);
  });
});

test('a process that the system does not start is an error at once, and nothing is left', async () => {
  const options = { cwd: rig.path('nowhere') };
  await expect(HeldProcess.start({ command: ['true'] }, options)).rejects.toThrow('ENOENT');
  expect(() => HeldProcess.startNow({ command: ['true'] }, options)).toThrow(/no such directory/);
});
