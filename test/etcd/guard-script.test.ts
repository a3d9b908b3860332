import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PERL_GUARD, SHELL_GUARD } from '../../lib/etcd/store/guard-script.ts';
import { perlFile } from '../../lib/host/perl-file.ts';
import { isAlive, until } from '../support/cli-rig.ts';

/** Writes down what it is asked for, and ends as its file `end` says. */
const KEEPER = `printf '%s\\n' "$LOCKSTEP_KEEPER_TASK $LOCKSTEP_KEEPER_ORDER" >> "$0.asked"; echo "$LOCKSTEP_KEEPER_REST_MS" >> "$0.rest"
[ -f "$0.crashes" ] && { rm "$0.crashes"; exit 1; }
[ -f "$0.cannot" ] && exit 1
echo done`;

let directory: string;
let keeper: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-guard-'));
  keeper = path.join(directory, 'keeper');
  fs.writeFileSync(keeper, KEEPER);
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

const inShell = ['-c', SHELL_GUARD, 'lockstep-guard'];
const GUARDS: Array<[string, () => [string, string[]]]> = [
  ['Perl', () => [perlFile() ?? '', ['-e', PERL_GUARD]]],
  ['a shell', () => ['/bin/sh', inShell]],
  // As on Alpine.
  ['the shell of busybox', () => ['busybox', ['sh', ...inShell]]],
];
const HAS_BUSYBOX = spawnSync('busybox', ['true']).status === 0;
const isMissing = (language: string) =>
  language === 'Perl' ? perlFile() === null : /busybox/.test(language) && !HAS_BUSYBOX;

describe.each(GUARDS)('a guard in %s', (language, words) => {
  beforeEach(({ skip }) => skip(isMissing(language), `${language} is not here`));

  const start = (...more: string[]) => {
    const [file, args] = words();
    const child = spawn(file, [...args, '/bin/sh', ...more, keeper], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    return { child, ended, say: (...lines: string[]) => child.stdin.write(`${lines.join('\n')}\n`) };
  };
  const read = (what: string) => {
    const file = `${keeper}.${what}`;
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  };

  test.each([
    ['nothing, when the entry was given back', ['order {"a": "\\\\n"}', 'alive 9000', 'done'], ''],
    ['nothing of a session that ended before it said anything', [], ''],
    ['to keep the entry, when the session is gone', ['order {"a": "\\\\n"}', 'alive 9000'], 'keep {"a": "\\\\n"}\n'],
    ['to end the command of an entry that was lost', ['order {}', 'alive 9000', 'lost'], 'end {}\n'],
  ])('asks a keeper for %s', async (_, lines, asked) => {
    const guard = start();
    for (const line of lines) guard.say(line);
    guard.child.stdin.end();
    await guard.ended;
    expect(read('asked')).toBe(asked);
    if (asked) expect(Number(read('rest'))).toSatisfy((ms: number) => ms > 5_000 && ms <= 9_000);
  });

  test('starts another keeper when one is killed', async () => {
    fs.writeFileSync(`${keeper}.crashes`, '');
    const guard = start();
    guard.say('order {}', 'alive 9000');
    guard.child.stdin.end();
    await guard.ended;
    expect(read('asked')).toBe('keep {}\nkeep {}\n');
  });

  test('gives a keeper that is no file its program, also a long one, and the next one, too', async () => {
    const guard = start('-s');
    const text = `printf '%s\\n' "$LOCKSTEP_KEEPER_TASK $LOCKSTEP_KEEPER_ORDER \\\\" >> "$1.asked"; [ -f "$1.again" ] || { : > "$1.again"; exit 1; }; echo done`;
    guard.say(`program : ${'x'.repeat(100_000)}; ${text}`, 'order {"a": "\\n"}', 'alive 9000');
    guard.child.stdin.end();
    await guard.ended;
    expect(read('asked')).toBe('keep {"a": "\\n"} \\\n'.repeat(2));
  });

  test('kills the command when no keeper can be started in time', async () => {
    fs.writeFileSync(`${keeper}.cannot`, '');
    const command = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const stat = fs.readFileSync(`/proc/${command.pid}/stat`, 'utf8');
    const began = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const guard = start();
    guard.say(`command ${command.pid} ${began}`, 'order {}', 'alive 1000');
    guard.child.stdin.end();
    await guard.ended;
    await until('the command ends', () => !isAlive(command.pid ?? 0));
  });

  test('leaves another process alone that has the pid of the command', async () => {
    fs.writeFileSync(`${keeper}.cannot`, '');
    const other = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const guard = start();
    guard.say(`command ${other.pid} 1`, 'order {}', 'alive 0');
    guard.child.stdin.end();
    await guard.ended;
    expect(isAlive(other.pid ?? 0)).toBe(true);
    other.kill('SIGKILL');
  });
});

describe.skipIf(perlFile() === null)('a guard of a session that falls silent', () => {
  test('has the command ended a little before its time is over, and spares it when the session is heard again', async () => {
    fs.writeFileSync(keeper, `echo "$LOCKSTEP_KEEPER_TASK" >> "$0.asked"; exec sleep 1000`);
    const child = spawn(perlFile() ?? '', ['-e', PERL_GUARD, '/bin/sh', keeper], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.stdin.write('order {}\nalive 1100\n');
    await until('a keeper is asked', () => fs.existsSync(`${keeper}.asked`) && fs.statSync(`${keeper}.asked`).size > 4);
    expect(fs.readFileSync(`${keeper}.asked`, 'utf8')).toBe('late\n');
    const own = fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    await until('it waits', () => fs.readFileSync(`/proc/${own}/comm`, 'utf8') === 'sleep\n');
    child.stdin.write('alive 9000\n');
    await until('the keeper is gone', () => !isAlive(Number(own)));
    child.stdin.end('done\n');
    await ended;
  });
});
