import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Runs a program that prints its arguments, under a lock. */
async function argumentsOf(...words: string[]): Promise<string[]> {
  const program = rig.write('print.mjs', 'process.stdout.write(JSON.stringify(process.argv.slice(2)))');
  const { status, stdout, stderr } = await rig.run('run', 'n', '--', process.execPath, program, ...words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as string[];
}

describe('the words behind --', () => {
  test('reach the command as they are', async () => {
    const words = [
      '--help',
      '-n',
      '-w',
      '--version',
      '$HOME',
      '*',
      '',
      'two words',
      'a\nb',
      '--',
      '',
      '--',
      '日本 🎤',
      "'",
      '"',
      '\\',
      '`id`',
      '$(id)',
      ';',
      'A=1',
      '~',
      '\t',
    ];
    expect(await argumentsOf(...words)).toEqual(words);
  });

  test('are the command’s even if they look like ours', async () => {
    const { status, stdout } = await rig.run('run', 'n', '--', '--help');
    expect({ status, stdout }).toEqual({ status: 127, stdout: '' });
  });

  test.each(['--help', '-n', '-c', '--'])('%s as the command is a command that is not there: 127', async (word) => {
    expect((await rig.run('run', 'n', '--', word, 'touch', 'ran')).status).toBe(127);
    expect(rig.exists('ran')).toBe(false);
  });

  test('may be many', async () => {
    const words = Array.from({ length: 5_000 }, (_, number) => `word ${number}`);
    expect(await argumentsOf(...words)).toEqual(words);
  });
});

describe('-c', () => {
  test('runs its text with sh -c', async () => {
    const { status, stdout } = await rig.run('run', 'n', '-c', 'printf "%s|" "$((1 + 2))" a | tr a b; exit 5');
    expect({ status, stdout }).toEqual({ status: 5, stdout: '3|b|' });
  });
});

describe('the command’s environment', () => {
  test('has the resource’s name and the fencing token, which grows from holder to holder', async () => {
    const tokens: number[] = [];
    for (let round = 0; round < 4; round++) {
      const { stdout } = await rig.run('run', 'my lock', '-c', 'echo "$LOCKSTEP_NAME:$LOCKSTEP_TOKEN"');
      const [, token] = stdout.match(/^my lock:(\d+)\n$/) ?? [];
      tokens.push(Number(token));
    }
    expect(tokens.every((token, at) => Number.isSafeInteger(token) && token > (tokens[at - 1] ?? 0))).toBe(true);
  });

  test('keeps variables that no shell would have', async () => {
    const env = { 'A.B': '1', 'C-D': 'two words', é: '', 'E F': 'a\nb', PLAIN: 'x=y' };
    const print = `process.stdout.write(JSON.stringify(${JSON.stringify(Object.keys(env))}.map((name) => process.env[name])))`;
    const program = rig.lockstep(['run', 'n', '--', process.execPath, '-e', print], { env, input: '' });
    expect(await program.ended).toMatchObject({ status: 0, stdout: JSON.stringify(Object.values(env)) });
  });

  test.skipIf(!fs.existsSync('/bin/bash'))('keeps exported bash functions', async () => {
    const env = { 'BASH_FUNC_greet%%': '() {  echo "hello $1"; }' };
    const program = rig.lockstep(['run', 'n', '--', 'bash', '-c', 'greet you'], { env, input: '' });
    expect(await program.ended).toEqual({ status: 0, stdout: 'hello you\n', stderr: '' });
  });

  test('with odd variables, a command that is not there is still 127, and PATH is the caller’s', async () => {
    const env = { 'A.B': '1' };
    rig.write('mine', '#!/bin/sh\necho mine\n', 0o755);
    const found = rig.lockstep(['run', 'n', '--', 'mine'], { env: { ...env, PATH: rig.directory } });
    expect(await found.ended).toEqual({ status: 0, stdout: 'mine\n', stderr: '' });
    expect((await rig.lockstep(['run', 'n', '--', 'no-such-command'], { env }).ended).status).toBe(127);
  });
});

describe('the command’s streams', () => {
  test('are the caller’s, byte for byte', async () => {
    const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', 'cat; echo talk >&2'], { input: 'a\0b\r\nno newline' });
    expect(await program.ended).toEqual({ status: 0, stdout: 'a\0b\r\nno newline', stderr: 'talk\n' });
  });

  test('have no descriptor of ours beside them', async () => {
    const { stdout } = await rig.run('run', 'n', '--', 'sh', '-c', '[ -e /proc/$$/fd/3 ] && echo leaked; exit 0');
    expect(stdout).toBe('');
  });

  test('stdin is not read by the wrapper, which leaves the rest to the next command', async () => {
    const script = 'lockstep run n -- sh -c \'read -r a; echo "1 $a"\'; read -r b; echo "2 $b"';
    expect((await rig.script(script, { input: 'x\ny\n' }).ended).stdout).toBe('1 x\n2 y\n');
  });
});

describe('a resource’s name', () => {
  const names = [
    '../x',
    'a/b',
    'two words',
    '100%',
    '%2F',
    '🎤',
    '.hidden',
    '.',
    '..',
    '007',
    '7',
    '1e3',
    '~',
    '*',
    'a\nb',
  ];

  test.each(names)('%j is ordinary, and stays inside the store', async (name) => {
    const around = fs.readdirSync(rig.directory);
    const { status, stdout, stderr } = await rig.run('run', name, '--', 'sh', '-c', 'printf %s "$LOCKSTEP_NAME"');
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: name, stderr: '' });
    expect(fs.readdirSync(rig.directory)).toEqual([...around, 'store']);
    expect(fs.readdirSync(rig.path('store/resources'))).toHaveLength(1);
    expect(await rig.store.names()).toEqual([name]);
  });

  test('07 and 7 are two, and so are A and a', async () => {
    await rig.hold('7');
    await rig.hold('A');
    expect((await rig.run('run', '07', '-n', '--', 'true')).status).toBe(0);
    expect((await rig.run('run', '7', '-n', '--', 'true')).status).toBe(75);
    expect((await rig.run('run', 'a', '-n', '--', 'true')).status).toBe(0);
  });
});

describe('--file', () => {
  test('is the lock beside the file, which a link to the file shares', async () => {
    rig.write('data.txt', 'x');
    fs.symlinkSync('data.txt', rig.path('link.txt'));
    const holder = rig.lockstep(['run', '--file', 'data.txt', '--', 'sh', '-c', 'echo in; read -r _']);
    await holder.says('in');
    expect((await rig.run('run', '-f', 'link.txt', '-n', '--', 'true')).status).toBe(75);
    expect(rig.exists('.lockstep/resources/data.txt')).toBe(true);
    await holder.letGo();
    expect((await rig.run('run', '-f', 'link.txt', '-n', '--', 'true')).status).toBe(0);
  });
});
