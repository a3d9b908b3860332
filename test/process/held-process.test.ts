import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive, Rig, until } from '../support/cli-rig.ts';

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
