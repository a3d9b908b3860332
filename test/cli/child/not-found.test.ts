import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  fs.mkdirSync(rig.path('bin'));
  rig.write('bin/plain', 'echo text', 0o644);
});
afterEach(() => rig.end());

const REFUSED: ReadonlyArray<[what: string, command: string, status: number, why: string]> = [
  ['is not in PATH', 'nosuch', 127, 'nosuch: command not found in PATH (/usr/bin:/bin:bin)'],
  ['is no file', './nosuch', 127, './nosuch: there is no such file'],
  ['is below a file', './bin/plain/x', 126, './bin/plain/x: a part of its path is no directory'],
  ['is a directory', './bin', 126, './bin: it is a directory'],
  ['may not be executed', './bin/plain', 126, './bin/plain: permission denied; an executable file has the mode x'],
  ['is in PATH and may not be executed', 'plain', 126, 'plain: permission denied'],
  ['has no interpreter', './lost', 127, './lost: there is no /no/such, which its first line says is to run it'],
  [
    'has the lines of Windows',
    './dos',
    127,
    './dos: there is no /bin/sh\\x0d, which its first line says is to run it; its lines end as on Windows, with a carriage return',
  ],
  ['is an empty word', '', 127, 'the command is an empty word'],
];

describe('a command that', () => {
  test.each(REFUSED)('%s is refused before it waits in line', async (_, command, status, why) => {
    rig.write('lost', '#!/no/such -x\necho lost', 0o755);
    rig.write('dos', '#!/bin/sh\r\necho dos\r\n', 0o755);
    const holder = await rig.hold('n');
    const env = { PATH: '/usr/bin:/bin:bin' };
    const refused = await rig.lockstep(['run', 'n', '--', command], { input: '', env }).ended;
    expect(refused).toMatchObject({ status, stdout: '' });
    expect(refused.stderr).toContain(`lockstep: run: ${why}`);
    expect(await rig.entries('n')).toHaveLength(1);
    await holder.letGo();
  });

  test.each([
    ['is a script without a first line that says what runs it', './bare', 'bare ran\n'],
    ['is found in a later directory of PATH than a file that may not be executed', 'plain', 'the later one ran\n'],
    ['may be executed, and not read', './unreadable', 'unreadable ran\n'],
  ])('%s runs', async (_, command, stdout) => {
    rig.write('bare', 'echo bare ran\n', 0o755);
    fs.mkdirSync(rig.path('later'));
    rig.write('later/plain', '#!/bin/sh\necho the later one ran\n', 0o755);
    rig.write('unreadable', '#!/bin/sh\necho unreadable ran\n', 0o711);
    const env = { PATH: `bin:later:${process.env.PATH}` };
    expect(await rig.lockstep(['run', 'n', '--', command], { input: '', env }).ended).toEqual({
      status: 0,
      stdout,
      stderr: '',
    });
  });
});

test('a filter of `edit` is refused, too, and nothing is locked', async () => {
  rig.write('a.json', '{}');
  const { status, stderr } = await rig.run('edit', 'a.json', '--', 'nosuch');
  expect(status).toBe(127);
  expect(stderr).toMatch(/^lockstep: nosuch: command not found in PATH.*; the file is unchanged\n$/);
  expect(fs.existsSync(rig.storePath)).toBe(false);
});

test('a job records it as a failed run, also while another run holds the lock', async () => {
  const holder = await rig.hold('n');
  const { status, stderr } = await rig.run('job', 'n', '--', './nosuch');
  expect({ status, stderr }).toEqual({ status: 127, stderr: 'lockstep: n: ./nosuch: there is no such file\n' });
  const { stdout } = await rig.run('history', 'n', '--json');
  expect(stdout).toContain('"reason": "./nosuch: there is no such file"');
  await holder.letGo();
});
