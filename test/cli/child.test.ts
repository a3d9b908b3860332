import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive, Rig, until } from '../support/cli-rig.ts';

const CHILD = fileURLToPath(new URL('../../cli/child/child.ts', import.meta.url));

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** A program that does with a child what `text` says; it finds `Child` imported. */
async function wrapper(text: string): Promise<string> {
  const entry = rig.write('wrapper.ts', `import { Child } from ${JSON.stringify(CHILD)};\n${text}`);
  const bundle = await rolldown({ input: entry, platform: 'node' });
  await bundle.write({ file: rig.path('wrapper.mjs'), format: 'esm' });
  return rig.path('wrapper.mjs');
}

test('a wrapper that is killed (SIGKILL) before it said go: the command never begins', async () => {
  const program = await wrapper(`
    const child = await Child.start(['touch', 'ran'], {});
    process.stdout.write('born ' + child.pid);
    process.kill(process.pid, 'SIGKILL');`);
  // Its stdout is the child's too, and is closed when both end.
  const { status, stdout } = await rig.start(process.execPath, [program]).ended;
  expect(status).toBe('SIGKILL');
  const pid = Number(stdout.slice(5));
  await until('the child is gone', () => !isAlive(pid));
  expect(rig.exists('ran')).toBe(false);
});

test('the command begins with go, and is the very process that was born', async () => {
  const program = await wrapper(`
    const child = await Child.start(['sh', '-c', 'touch ran; echo $$; exit 3'], {});
    console.log(child.pid);
    child.go();
    process.exitCode = await child.ended();`);
  const { status, stdout } = await rig.start(process.execPath, [program]).ended;
  const [born, ran] = stdout.split('\n');
  expect({ status, ran }).toEqual({ status: 3, ran: born });
  expect(rig.exists('ran')).toBe(true);
});

test('a child that was killed before go is no trouble to whoever says go', async () => {
  const program = await wrapper(`
    const child = await Child.start(['touch', 'ran'], {});
    child.kill('SIGKILL');
    child.go();
    process.exitCode = await child.ended();`);
  const { status, stderr } = await rig.start(process.execPath, [program]).ended;
  expect({ status, stderr }).toEqual({ status: 137, stderr: '' });
  expect(rig.exists('ran')).toBe(false);
});
