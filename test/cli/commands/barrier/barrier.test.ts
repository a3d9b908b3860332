import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Program, Rig, until } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const SILENCE = { status: 0, stdout: '', stderr: '' };

/** So many parties that wait at the barrier `b`, in the order in which they came. */
async function waiting(count: number, ...options: string[]): Promise<Program[]> {
  const parties: Program[] = [];
  for (let at = 1; at <= count; at++) {
    parties.push(rig.lockstep(['barrier', 'b', ...options]));
    await rig.line('b', 0, at);
  }
  return parties;
}

/** What a party gets when the barrier breaks: why, and what to do, in one line. */
function broken(why: string): object {
  const stderr = expect.stringMatching(
    new RegExp(`^lockstep: b: the barrier is broken: ${why}\\. .*\`lockstep barrier b --reset\`\\.\n$`),
  );
  return { status: 1, stdout: '', stderr };
}

describe('barrier', () => {
  test('lets all go on when the last has come, and prints for each in which place it came', async () => {
    const [first, second] = await waiting(2, '-p', '3');
    expect(await rig.run('barrier', 'b', '-p', '3')).toEqual({ ...SILENCE, stdout: '2\n' });
    expect(await first?.ended).toEqual({ ...SILENCE, stdout: '0\n' });
    expect(await second?.ended).toEqual({ ...SILENCE, stdout: '1\n' });
    expect(await rig.entries('b')).toEqual([]);
  });

  test('is there for the next round too: of scripts that meet again and again none is ever a round ahead', async () => {
    // Each says a round before the barrier; whoever has passed it must see that both have.
    const text = `for round in 1 2 3 4; do
      echo "$round" >> rounds
      index=$(lockstep barrier b -p 2) || exit
      [ "$(grep -c "^$round$" rounds)" = 2 ] || echo "ahead in $round"
      echo "$round:$index"
    done`;
    const results = await Promise.all([rig.script(text), rig.script(text)].map(({ ended }) => ended));
    const lines = results.flatMap(({ stdout }) => stdout.trim().split('\n'));
    expect(results).toMatchObject([
      { status: 0, stderr: '' },
      { status: 0, stderr: '' },
    ]);
    expect(lines.sort()).toEqual(['1:0', '1:1', '2:0', '2:1', '3:0', '3:1', '4:0', '4:1']);
  });

  test('of one party is met at once, with -n too', async () => {
    expect(await rig.run('barrier', 'b', '-p', '1')).toEqual({ ...SILENCE, stdout: '0\n' });
    expect(await rig.run('barrier', 'b', '-p', '1', '-n')).toEqual({ ...SILENCE, stdout: '0\n' });
  });

  test('status shows who waits, and then that it is broken', async () => {
    const [party] = await waiting(1, '-p', '3');
    const [line] = JSON.parse((await rig.run('status', '--json')).stdout);
    expect(line).toMatchObject({ resource: 'b', kind: 'barrier', permits: 3, value: 0 });
    expect(line.entries).toMatchObject([{ state: 'waiting', pid: party?.pid, command: 'barrier b' }]);
    expect((await rig.run('status')).stdout).toMatch(/^b +barrier\(3\) +waiting +\d+ .* barrier b /m);
    await rig.run('barrier', 'b', '--abort');
    expect((await rig.run('status')).stdout).toMatch(/^b +barrier\(3\) +broken /m);
  });
});

describe('a barrier breaks for all others', () => {
  test('when the time of one is over (-w): 75 for that one, or what -E says, and 1 for the others', async () => {
    const [other] = await waiting(1, '-p', '3');
    expect(await rig.run('barrier', 'b', '-p', '3', '-w', '50ms')).toEqual({
      ...broken('not all parties came within 50 ms'),
      status: 75,
    });
    expect(await other?.ended).toEqual(broken('a party gave up waiting'));
    await rig.run('barrier', 'b', '--reset');
    expect((await rig.run('barrier', 'b', '-p', '3', '-n', '-E', '3')).status).toBe(3);
  });

  test('when one is killed (SIGKILL), without much ado', async () => {
    const [first, killed, third] = await waiting(3, '-p', '4');
    const began = performance.now();
    killed?.kill('SIGKILL');
    expect(await first?.ended).toEqual(broken('a party was taken out: its process .*'));
    expect(await third?.ended).toEqual(broken('a party was taken out: its process .*'));
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await rig.run('barrier', 'b', '-p', '4')).toEqual(broken('it was broken before'));
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('when one is ended by %s', async (signal) => {
    const [first, ended] = await waiting(2, '-p', '3');
    ended?.kill(signal);
    expect([signal, { SIGINT: 130, SIGTERM: 143 }[signal]]).toContain((await ended?.ended)?.status);
    expect(await first?.ended).toEqual(broken('a party gave up waiting'));
    expect(await rig.entries('b')).toEqual([]);
  });

  test('but not for those who come when all who waited are dead', async () => {
    const [dead] = await waiting(1, '-p', '2');
    dead?.kill('SIGKILL');
    await dead?.ended;
    const first = rig.lockstep(['barrier', 'b', '-p', '2']);
    await until('the first is in line, alone', async () => {
      const pids = (await rig.entries('b')).map(({ owners }) => owners[0]?.pid);
      return pids.length === 1 && pids[0] === first.pid;
    });
    expect(await rig.run('barrier', 'b', '-p', '2')).toEqual({ ...SILENCE, stdout: '1\n' });
    expect(await first.ended).toEqual({ ...SILENCE, stdout: '0\n' });
  });
});

describe('--abort', () => {
  test('breaks it for those who wait and who come, until --reset', async () => {
    const [party] = await waiting(1, '-p', '2');
    expect(await rig.run('barrier', 'b', '--abort')).toEqual(SILENCE);
    expect(await party?.ended).toEqual(broken('it was aborted'));
    expect(await rig.run('barrier', 'b', '-p', '2')).toEqual(broken('it was broken before'));
    expect(await rig.run('barrier', 'b', '--reset')).toEqual(SILENCE);
    const [first] = await waiting(1, '-p', '2');
    expect((await rig.run('barrier', 'b', '-p', '2')).stdout).toBe('1\n');
    expect(await first?.ended).toEqual({ ...SILENCE, stdout: '0\n' });
  });

  test('of a name never used needs -p, and breaks it for those who will come', async () => {
    const { status, stderr } = await rig.run('barrier', 'b', '--abort');
    expect(status).toBe(64);
    expect(stderr).toContain('missing --parties: how many meet at b, as in -p 3');
    expect(await rig.run('barrier', 'b', '-p', '2', '--abort')).toEqual(SILENCE);
    expect(await rig.run('barrier', 'b', '-p', '2')).toEqual(broken('it was broken before'));
  });
});

describe('--reset', () => {
  test('sends those away who wait', async () => {
    const [party] = await waiting(1, '-p', '2');
    expect(await rig.run('barrier', 'b', '--reset')).toEqual(SILENCE);
    expect(await party?.ended).toEqual(broken('it was reset'));
    expect(await rig.entries('b')).toEqual([]);
  });

  test('of a name never used has nothing to do', async () => {
    expect(await rig.run('barrier', 'b', '--reset')).toEqual(SILENCE);
    expect(await rig.store.names()).toEqual([]);
  });

  test.each(['--reset', '--abort'])(
    '%s of another kind of resource is an error, and changes nothing',
    async (option) => {
      await rig.run('event', 'set', 'b');
      const { status, stderr } = await rig.run('barrier', 'b', option);
      expect(status).toBe(64);
      expect(stderr).toMatch(/^lockstep: b: is an event, and was opened as a barrier\. .*\n$/);
      expect((await rig.run('event', 'wait', 'b', '-n')).status).toBe(0);
    },
  );
});

test('a party that disagrees about the number of parties is shown both, and those who wait go on waiting', async () => {
  const [first] = await waiting(1, '-p', '2');
  for (const options of [[], ['--abort'], ['--reset']]) {
    const { status, stdout, stderr } = await rig.run('barrier', 'b', '-p', '3', ...options);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toMatch(
      /^lockstep: b: is a barrier of 2 parties, and was opened as a barrier of 3 parties\. Nothing was changed\. .*\n$/,
    );
  }
  await rig.line('b', 0, 1);
  expect((await rig.run('barrier', 'b', '-p', '2')).stdout).toBe('1\n');
  expect((await first?.ended)?.stdout).toBe('0\n');
});

test.each([
  ['no name', ['barrier', '-p', '2'], 'missing NAME: lockstep barrier NAME -p N'],
  ['no -p', ['barrier', 'b'], 'missing --parties: how many meet at b, as in -p 3'],
  ['-p 0', ['barrier', 'b', '-p', '0'], 'parties must be a whole number from 1 to 2147483647, not 0'],
  ['-p 1.5', ['barrier', 'b', '-p', '1.5'], 'parties must be a whole number'],
  ['-p of no number', ['barrier', 'b', '-p', 'x'], '--parties must be a number'],
  ['--abort with --reset', ['barrier', 'b', '--abort', '--reset'], '--abort and --reset exclude each other'],
  ['-n with -w', ['barrier', 'b', '-p', '2', '-n', '-w', '3'], '--nonblock and --wait exclude each other'],
  ['a command', ['barrier', 'b', '-p', '2', '--', 'test'], 'barrier takes no command: omit --'],
])('%s exits 64 with words, and changes nothing', async (_, args, words) => {
  const { status, stdout, stderr } = await rig.run(...args);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toContain(words);
  expect(rig.exists('store/resources')).toBe(false);
});
