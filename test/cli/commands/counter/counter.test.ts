import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const MOST = Number.MAX_SAFE_INTEGER;

/** What is printed, and nothing else, by a call that goes well. */
async function printed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await rig.run('counter', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('counter adds, and prints the number right afterwards; without a number it only prints', async () => {
  expect(await printed('x')).toBe('0\n');
  expect(await rig.store.names()).toEqual([]);
  expect(await printed('x', '+1')).toBe('1\n');
  expect(await printed('x', '+41')).toBe('42\n');
  expect(await printed('x', '-5')).toBe('37\n');
  expect(await printed('x', '-100')).toBe('-63\n');
  expect(await printed('x', '+0')).toBe('-63\n');
  expect(await printed('x')).toBe('-63\n');
  expect(await printed('another')).toBe('0\n');
});

test('shells that count at the same time get distinct numbers, and no addition is lost', async () => {
  const text = 'for i in 1 2 3; do lockstep counter x +1 || exit; lockstep counter sum +7 > /dev/null || exit; done';
  const shells = [rig.script(text), rig.script(text), rig.script(text), rig.script(text)];
  const results = await Promise.all(shells.map(({ ended }) => ended));
  for (const result of results) expect(result).toMatchObject({ status: 0, stderr: '' });
  const numbers = results.map(({ stdout }) => stdout.trim().split('\n').map(Number));
  const sorted = numbers.flat().sort((a, b) => a - b);
  expect(sorted).toEqual(Array.from({ length: 12 }, (_, at) => at + 1));
  for (const own of numbers) expect(own).toEqual([...own].sort((a, b) => a - b));
  expect(await printed('sum')).toBe(`${12 * 7}\n`);
});

test('status shows the number of every counter that is not at 0', async () => {
  await printed('x', '+5');
  await printed('zero', '+1');
  await printed('zero', '-1');
  expect(JSON.parse((await rig.run('status', '--json')).stdout)).toEqual([
    { resource: 'x', kind: 'counter', permits: 1, value: 5, entries: [] },
  ]);
  expect((await rig.run('status', '--all')).stdout).toMatch(/^x +counter +5 [\s\S]*^zero +counter +0 /m);
});

test('counter --take takes no more than there is, exits 1 where there is not enough, and takes once for an id', async () => {
  await printed('seats', '+5');
  expect(await printed('seats', '--take', '2')).toBe('3\n');
  expect(await printed('seats', '--take', '1', '--id', 'order-1', '--json')).toBe('{"left":2,"sequence":2}\n');
  const soldOut = { status: 1, stdout: '', stderr: '' };
  expect(await rig.run('counter', 'seats', '--take', '3', '--id', 'order-2')).toEqual(soldOut);
  expect(await rig.run('counter', 'seats', '--take', '2', '--floor', '1')).toEqual(soldOut);
  expect(await rig.run('counter', 'seats', '--take', '3', '--json')).toEqual({ ...soldOut, stdout: 'null\n' });
  expect(await printed('seats', '--take', '3', '--floor', '-1')).toBe('-1\n');
  expect(await printed('seats', '--take', '1', '--id', 'order-1')).toBe('2\n');
  expect(await printed('seats')).toBe('-1\n');
});

test.each([
  ['nothing to take', ['--take', '0'], 'one takes a whole number from 1 up, not 0'],
  ['another number for an id', ['--take', '2', '--id', 'a'], 'the id "a" was used before with another number than 2'],
  ['an empty id', ['--take', '2', '--id', ''], 'the id of a take must not be empty'],
])('%s exits 64 with words, and takes nothing', async (_, args, words) => {
  await printed('x', '+5');
  await printed('x', '--take', '1', '--id', 'a');
  const { status, stdout, stderr } = await rig.run('counter', 'x', ...args);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toContain(words);
  expect(await printed('x')).toBe('4\n');
});

test('beyond what a number holds exactly is an error, in both directions, and changes nothing', async () => {
  expect(await printed('x', `+${MOST}`)).toBe(`${MOST}\n`);
  expect(await rig.run('counter', 'x', '+1')).toEqual({
    status: 64,
    stdout: '',
    stderr: 'lockstep: x: adding 1 would take it beyond what a number holds exactly. It was not changed.\n',
  });
  expect(await printed('x')).toBe(`${MOST}\n`);
  expect(await printed('x', `-${MOST}`)).toBe('0\n');
  await printed('x', `-${MOST}`);
  expect((await rig.run('counter', 'x', '-1')).status).toBe(64);
  expect(await printed('x')).toBe(`-${MOST}\n`);
});

test.each([
  ['no name', ['counter'], 'missing NAME: lockstep counter NAME [+N|-N], or lockstep counter NAME --take N'],
  ['a take and an addition', ['counter', 'x', '+1', '--take', '1'], '--take takes, and +1 adds: give one of them'],
  ['a floor and no take', ['counter', 'x', '--floor', '1'], '--floor goes with --take N'],
  ['an id and no take', ['counter', 'x', '--id', 'a'], '--id goes with --take N'],
  ['JSON and no take', ['counter', 'x', '--json'], '--json goes with --take N'],
  ['a take that is no number', ['counter', 'x', '--take', 'all'], '--take must be a number'],
  ['no sign', ['counter', 'x', '5'], "the number to add must be whole and have a sign, such as +1 or -5, not '5'"],
  ['no number', ['counter', 'x', '+x'], "the number to add must be whole and have a sign, such as +1 or -5, not '+x'"],
  ['an empty number', ['counter', 'x', ''], 'the number to add must be whole and have a sign'],
  ['a fraction', ['counter', 'x', '+1.5'], 'the number to add must be whole and have a sign'],
  ['a power', ['counter', 'x', '+1e3'], 'the number to add must be whole and have a sign'],
  ['two signs', ['counter', 'x', '+-1'], 'the number to add must be whole and have a sign'],
  ['one beyond all bounds', ['counter', 'x', `+${MOST + 1}`], 'is too large: a counter goes up to 9007199254740991'],
  ['a minus and no number', ['counter', 'x', '-5x'], 'unknown options -5, -x'],
  ['a number too many', ['counter', 'x', '+1', '+2'], 'unexpected argument: +2'],
  // Passed over, it would print the number as if it had been added.
  ['a number behind --', ['counter', 'x', '--', '-5'], 'counter takes no command: omit --'],
])('%s exits 64 with words, and adds nothing', async (_, args, words) => {
  const { status, stdout, stderr } = await rig.run(...args);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toContain(words);
  expect(stderr).toContain('see `lockstep counter --help`');
  expect(rig.exists('store/resources')).toBe(false);
});

test('a counter’s name is no lock’s, and a lock’s no counter’s', async () => {
  await printed('x', '+1');
  await rig.run('run', 'deploy', '--', 'true');
  expect(await rig.run('run', 'x', '--', 'touch', 'ran')).toMatchObject({
    status: 64,
    stderr: expect.stringMatching(/^lockstep: x: is a counter, and was opened as a lock\. .*\n$/),
  });
  expect(rig.exists('ran')).toBe(false);
  for (const add of [[], ['+1']])
    expect(await rig.run('counter', 'deploy', ...add)).toMatchObject({
      status: 64,
      stdout: '',
      stderr: expect.stringMatching(/^lockstep: deploy: is a lock, and was opened as a counter\. .*\n$/),
    });
  expect(await printed('x')).toBe('1\n');
});
