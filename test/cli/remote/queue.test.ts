import fs from 'node:fs';
import { Queue } from 'lockstep';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive, until } from '../../support/cli-rig.ts';
import { HAS_ETCD } from '../../support/etcd.ts';
import { type MachineRig, MachinesRig } from '../../support/machine-rig.ts';

const rig = new MachinesRig();

/** What is printed, and nothing else, by a call that goes well. */
async function printed(machine: MachineRig, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await machine.run('queue', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** A command of `queue run` that writes down its pid, and goes on. */
function sleeper(machine: MachineRig) {
  const file = machine.path('pid');
  const script = `echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 1000`;
  const run = machine.lockstep(['queue', 'q', 'run', '--', 'sh', '-c', script, 'sh']);
  const pid = async () => {
    await until('the command runs', () => fs.existsSync(file));
    return Number(fs.readFileSync(file, 'utf8'));
  };
  return { run, pid };
}

describe.skipIf(!HAS_ETCD)('lockstep queue, on etcd', { timeout: 120_000 }, () => {
  beforeAll(() => rig.start(), 120_000);
  afterEach(() => rig.end());
  afterAll(() => rig.stop());

  test('what is put on one machine is worked on by another one, and a join waits for that', async () => {
    const [one, other] = rig.machines();
    expect(await printed(one, 'q', 'put', 'a', 'b c', 'd')).toBe('');
    expect(await printed(other, 'q')).toBe('3 queued, 0 taken, 0 waiting\n');
    expect((await one.run('status', '--all')).stdout).toMatch(/^q +queue +3 queued /m);
    expect((await one.run('forget', 'q')).status).not.toBe(0);
    expect(await printed(other, 'q', 'get', '--json')).toBe('{"value":"a","sequence":1,"attempt":1}\n');
    expect((await one.run('queue', 'q', 'join', '-w', '10ms')).status).toBe(75);
    const join = one.lockstep(['queue', 'q', 'join']);
    const text = 'echo "$1" "$LOCKSTEP_ITEM" "$LOCKSTEP_NAME"';
    expect(await printed(other, 'q', 'run', '-n', '--', 'sh', '-c', text, 'sh')).toBe('b c b c q\nd d q\n');
    expect(await join.ended).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect((await one.run('queue', 'q', 'get', '-n')).status).toBe(75);
    expect((await other.run('history', 'q')).status).toBe(0);
    expect((await one.run('forget', 'q')).status).toBe(0);
    expect(rig.keys(one).filter((key) => key.startsWith('q/'))).toEqual([]);
  });

  test('a full queue takes no more; what is put waits, or ends with 75', async () => {
    const [one, other] = rig.machines();
    await printed(one, 'q', 'put', 'a', '--max-size', '1');
    expect((await one.run('queue', 'q', 'put', 'b', '--max-size', '1', '-n')).status).toBe(75);
    const put = one.lockstep(['queue', 'q', 'put', 'b', '--max-size', '1']);
    expect(await printed(other, 'q', 'get')).toBe('a\n');
    expect(await put.ended).toMatchObject({ status: 0 });
  });

  test('the item of a wrapper that is killed goes to another one as soon as its command is gone, too, and not before', async () => {
    const [one, other] = rig.machines('?ttl=10s');
    const queue = new Queue<unknown>('q', { store: other.store });
    await queue.put('a');
    const { run, pid } = sleeper(one);
    const command = await pid();
    process.kill(run.pid, 'SIGKILL');
    await until('the wrapper is gone', () => !run.running);
    expect(await queue.get({ timeout: 500 })).toBeNull();
    expect(isAlive(command)).toBe(true);
    const waiting = queue.get();
    process.kill(command, 'SIGKILL');
    expect(await waiting).toMatchObject({ value: 'a', attempt: 2 });
  });

  test('a command whose item was taken away is ended before the next one may have it for long', async () => {
    const [one, other] = rig.machines('?ttl=10s');
    const queue = new Queue<unknown>('q', { store: other.store });
    await queue.put('a');
    const { run, pid } = sleeper(one);
    const command = await pid();
    const waiting = queue.get();
    expect((await other.run('break', 'q')).status).toBe(0);
    expect(await waiting).toMatchObject({ value: 'a', attempt: 2 });
    await until('the command is gone', () => !isAlive(command));
    const { status, stderr } = await run.ended;
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/q: .*lost/);
    await (await waiting).done();
  });
});
