import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const NOTHING = { status: 0, stdout: '', stderr: '' };

async function use(...names: string[]): Promise<void> {
  for (const name of names) expect(await rig.run('run', name, '--', 'true')).toEqual(NOTHING);
}

function age(name: string, days: number): void {
  const directory = path.join(rig.storePath, 'resources', name);
  const time = Date.now() / 1000 - days * 86_400;
  for (const file of fs.readdirSync(directory)) fs.utimesSync(path.join(directory, file), time, time);
}

describe('forget', () => {
  test('removes the names, and prints them', async () => {
    await use('a', 'b', 'c');
    expect(await rig.run('forget', 'a', 'b')).toEqual({ ...NOTHING, stdout: 'a: forgotten\nb: forgotten\n' });
    expect(fs.readdirSync(path.join(rig.storePath, 'resources'))).toEqual(['c']);
  });

  test('lets a name that was another kind by mistake become what it should be', async () => {
    expect((await rig.run('run', 'deploy', '-p', '4', '--', 'true')).status).toBe(0);
    const mistaken = await rig.run('run', 'deploy', '--', 'true');
    expect(mistaken.status).toBe(64);
    expect(mistaken.stderr).toContain('`lockstep forget deploy`, while nobody uses it');
    expect((await rig.run('forget', 'deploy')).status).toBe(0);
    await use('deploy');
  });

  test('keeps a name that is in use, says who uses it, goes on with the others, and exits 75', async () => {
    await use('b');
    const holder = await rig.hold('a');
    const { status, stdout, stderr } = await rig.run('forget', 'a', 'b');
    expect([status, stdout]).toEqual([75, 'b: forgotten\n']);
    expect(stderr).toMatch(/^lockstep: a: not forgotten: held by pid \d+ \(sh -c echo in .*\) on \S+ for \S+\n$/);
    await rig.line('a', 1, 0);
    expect((await holder.letGo()).status).toBe(0);
  });

  test('forgets what a dead holder left', async () => {
    const program = rig.lockstep(['run', 'a', '--', 'sh', '-c', 'echo in; kill -9 $PPID $$']);
    await program.ended;
    expect(await rig.run('forget', 'a')).toEqual({ ...NOTHING, stdout: 'a: forgotten\n' });
  });

  test('of a name that does not exist exits 1, says so, and forgets the others', async () => {
    await use('never-mind');
    expect(await rig.run('forget', 'never-mnid', 'never-mind')).toEqual({
      status: 1,
      stdout: 'never-mind: forgotten\n',
      stderr: `lockstep: never-mnid: there is no such name in the store ${rig.storePath}: did you mean never-mind?\n`,
    });
  });

  test('--older-than removes only what was not used for so long', async () => {
    await use('old', 'older', 'new');
    age('old', 31);
    age('older', 400);
    expect(await rig.run('forget', '--older-than', '30d')).toEqual({
      ...NOTHING,
      stdout: 'old: forgotten\nolder: forgotten\n',
    });
    expect(await rig.run('forget', '--older-than', '30d')).toEqual(NOTHING);
    expect(await rig.run('forget', '--older-than', '30d', 'new')).toEqual({
      status: 75,
      stdout: '',
      stderr: 'lockstep: new: not forgotten: it was used since, or has a value\n',
    });
  });

  test('--older-than keeps what has a value', async () => {
    for (const args of [
      ['counter', 'visits', '+1'],
      ['event', 'set', 'bell'],
    ])
      expect((await rig.run(...args)).status).toBe(0);
    for (const name of ['visits', 'bell']) age(name, 31);
    expect(await rig.run('forget', '--older-than', '30d')).toEqual(NOTHING);
    expect(await rig.run('forget', 'visits')).toEqual({ ...NOTHING, stdout: 'visits: forgotten\n' });
  });

  test('--file is the name beside that file', async () => {
    rig.write('state.json', '{}');
    expect((await rig.run('run', '--file', rig.path('state.json'), '--', 'true')).status).toBe(0);
    expect(await rig.run('forget', '--file', rig.path('state.json'))).toEqual({
      ...NOTHING,
      stdout: 'state.json: forgotten\n',
    });
  });

  test('reports a name that cannot be read, and goes on with the others', async () => {
    await use('a', 'b');
    fs.writeFileSync(path.join(rig.storePath, 'resources/a/journal.1'), 'damaged');
    const { status, stdout, stderr } = await rig.run('forget', 'a', 'b');
    expect([status, stdout]).toEqual([74, 'b: forgotten\n']);
    expect(stderr).toMatch(/^lockstep: a: its journal in .* cannot be used: its first line is not the header/);
  });

  test('needs a name, or an age', async () => {
    const { status, stderr } = await rig.run('forget');
    expect(status).toBe(64);
    expect(stderr).toMatch(/^lockstep: missing NAME \(or --older-than DURATION/);
  });
});

describe('--resize', () => {
  test.each([
    ['run', ['run', 'pool']],
    ['job', ['job', 'pool']],
  ])('of %s changes a number of permits that nobody uses', async (_, verb) => {
    for (const permits of [[], ['-p', '2'], ['-p', '3'], []]) {
      const plain = await rig.run(...verb, ...permits, '--', 'true');
      const isFirst = !rig.exists('used');
      expect(plain.status).toBe(isFirst ? 0 : 64);
      rig.write('used', '');
      if (!isFirst) expect(plain.stderr).toContain('--resize changes a number of permits');
      expect(await rig.run(...verb, ...permits, '--resize', '--', 'true')).toEqual(NOTHING);
    }
  });

  test('changes nothing while somebody holds it', async () => {
    const holder = await rig.hold('pool', '-p', '2');
    const { status, stderr } = await rig.run('run', 'pool', '-p', '3', '--resize', '--', 'true');
    expect(status).toBe(64);
    expect(stderr).toMatch(/^lockstep: pool: is a semaphore of 2 permits, and was opened as a semaphore of 3 permits/);
    await rig.line('pool', 1, 0);
    await holder.letGo();
    expect(await rig.run('run', 'pool', '-p', '3', '--resize', '--', 'true')).toEqual(NOTHING);
  });
});
