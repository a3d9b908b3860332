import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN } from '../../support/cli-rig.ts';
import { COLD, CodeRig, PLAIN, RUN, WARM } from '../../support/code-rig.ts';

const OTHER_USER = 61_001;
const PID = String(process.pid);
const isRoot = process.getuid?.() === 0;

let rig: CodeRig;

beforeEach(() => {
  rig = new CodeRig();
});

afterEach(() => rig.end());

/** The hash that the build has given to its files. */
const buildIn = (file: string) => /"key":"\[\\"(\w{32})/.exec(fs.readFileSync(file, 'latin1'))?.[1];

test.each([
  ['run', [], ['run', 'x', '--', 'true'], ['program.js']],
  ['job', [], ['job', 'j', '--', 'true'], ['program.js', 'job.js']],
  ['acquire', ['release', 'y', '--pid', PID], ['acquire', 'y', '--pid', PID], ['program.js', 'shown.js']],
  ['release', ['acquire', 'y', '--pid', PID], ['release', 'y', '--pid', PID], ['program.js', 'shown.js']],
  ['status', [], ['status'], ['program.js', 'shown.js']],
])('%s keeps the code of all its files once, and later calls have it', async (verb, before, words, files) => {
  const all = (isKept: boolean) => Object.fromEntries(files.map((file) => [file, isKept]));
  const prepare = () => before.length > 0 && rig.call(before, { env: { NODE_DISABLE_COMPILE_CACHE: '1' } });
  await prepare();
  expect(await rig.call(words)).toMatchObject({ status: 0, stderr: '', compiled: all(false) });
  expect(rig.kept).toEqual([expect.stringMatching(new RegExp(`^${verb}-[0-9a-f]{8}\\.code$`))]);
  const { ino, mtimeMs } = fs.statSync(rig.keptFile);
  await prepare();
  expect(await rig.call(words)).toMatchObject({ status: 0, stderr: '', compiled: all(true) });
  expect(fs.statSync(rig.keptFile)).toMatchObject({ ino, mtimeMs });
});

describe('nothing is kept by a call', () => {
  test.each([
    ['that fails', ['run', 'x', '--', 'false']],
    ['that asks for help', ['run', '--help']],
    ['with a mistake', ['run', '--nosuch']],
  ])('%s', async (_, words) => {
    await rig.call(words);
    expect(rig.kept).toEqual([]);
  });

  test('of another verb: Node loads the program', async () => {
    const { status, compiled } = await rig.call(['counter', 'c', '+1']);
    expect({ status, compiled }).toEqual({ status: 0, compiled: {} });
    expect(rig.kept).toEqual([]);
  });

  test.each([
    ['NODE_DISABLE_COMPILE_CACHE', '1'],
    ['NODE_V8_COVERAGE', 'coverage'],
  ])('with %s, which has no kept code either', async (name, value) => {
    const env = { [name]: value };
    expect(await rig.call(RUN, { env })).toEqual(PLAIN);
    expect(rig.kept).toEqual([]);
    await rig.call(RUN);
    expect(await rig.call(RUN, { env })).toEqual(PLAIN);
  });

  test.runIf('execve' in process)('of run --no-fork', async () => {
    const { stdout } = await rig.call(['run', '--no-fork', 'x', '--', 'echo', 'done']);
    expect(stdout).toBe('done\n');
    expect(rig.kept).toEqual([]);
  });

  test('of run that waited: V8 would reject what it compiled under other flags', async () => {
    const env = { NODE_DISABLE_COMPILE_CACHE: '1' };
    const holder = rig.lockstep(['run', 'x', '--', 'sh', '-c', 'echo in; read -r _'], { env });
    await holder.says('in');
    const waiter = rig.lockstep(RUN, { env: rig.environment, input: '' });
    await rig.line('x', 1, 1);
    await holder.letGo();
    expect(await waiter.ended).toMatchObject({ status: 0, stdout: 'done\n' });
    expect(rig.kept).toEqual([]);
  });
});

test('a call says of an error what it says without kept code, with the same exit code', async () => {
  await rig.call(RUN);
  const words = ['run', 'x', '--', './nosuch'];
  const { compiled, ...warm } = await rig.call(words);
  const { compiled: _, ...plain } = await rig.call(words, { env: { NODE_DISABLE_COMPILE_CACHE: '1' } });
  expect(compiled).toEqual(WARM.compiled);
  expect(warm).toEqual(plain);
});

describe('kept code', () => {
  beforeEach(async () => {
    expect(await rig.call(RUN)).toEqual(COLD);
  });

  function change(bytes: (old: Buffer) => Buffer): void {
    fs.writeFileSync(rig.keptFile, bytes(fs.readFileSync(rig.keptFile)));
  }

  /** Exchanges a text in both copies. */
  function changeText(from: string, to: string): void {
    change((old) => Buffer.from(old.toString('latin1').replaceAll(from, to), 'latin1'));
    expect(fs.readFileSync(rig.keptFile, 'latin1').split(to)).toHaveLength(3);
  }

  /** Of the program, which is the largest part. */
  function changeFigure(name: 'size' | 'mtimeMs'): void {
    const [part = ''] = /\{"file":"program\.js"[^}]*\}/.exec(fs.readFileSync(rig.keptFile, 'latin1')) ?? [];
    changeText(
      part,
      part.replace(new RegExp(`(?<="${name}":)\\d`), (digit) => `${(Number(digit) % 9) + 1}`),
    );
  }

  function moveBehindLink(): void {
    const [file, elsewhere] = [rig.keptFile, rig.path('elsewhere')];
    fs.renameSync(file, elsewhere);
    fs.symlinkSync(elsewhere, file);
  }

  test.each<[string, () => void]>([
    ['with a byte changed', () => change((old) => old.fill((old[200_000] ?? 0) ^ 1, 200_000, 200_001))],
    ['that was cut off', () => fs.truncateSync(rig.keptFile, 100_000)],
    ['that is empty', () => fs.truncateSync(rig.keptFile, 0)],
    ['that is zero', () => change((old) => old.fill(0))],
    ['whose end is zero', () => change((old) => old.fill(0, 4_096))],
    ['of another version of Node', () => changeText(process.version, process.version.replace(/\d$/, 'x'))],
    ['of another build', () => changeText(`"key":"[\\"${buildIn(rig.keptFile)}`, `"key":"[\\"${'0'.repeat(32)}`)],
    ['of a source of another size', () => changeFigure('size')],
    ['of a source of another time', () => changeFigure('mtimeMs')],
    ['without a head', () => changeText('{"key"', '["key"')],
    ['that its group may write', () => fs.chmodSync(rig.keptFile, 0o620)],
    ['that all may write', () => fs.chmodSync(rig.keptFile, 0o602)],
    ['behind a link', moveBehindLink],
  ])('%s is not executed, and is replaced', async (_, damage) => {
    damage();
    expect(await rig.call(RUN)).toEqual(COLD);
    expect(await rig.call(RUN)).toEqual(WARM);
    expect(fs.lstatSync(rig.keptFile)).toMatchObject({ mode: 0o100600, uid: process.geteuid?.() });
  });

  test.runIf(isRoot)('of another user is not executed, and is replaced', async () => {
    fs.chownSync(rig.keptFile, OTHER_USER, OTHER_USER);
    expect(await rig.call(RUN)).toEqual(COLD);
    expect(await rig.call(RUN)).toEqual(WARM);
  });

  test('is not that of another copy of the program, nor of one that was changed', async () => {
    const copy = rig.path('copy');
    fs.cpSync(path.dirname(MAIN), copy, { recursive: true });
    const main = path.join(copy, 'main.js');
    const program = path.join(copy, 'program.js');
    expect(await rig.call(RUN, { main })).toEqual(COLD);
    expect(await rig.call(RUN, { main })).toEqual(WARM);
    const { atime, mtimeMs } = fs.statSync(program);
    fs.appendFileSync(program, ' ');
    fs.utimesSync(program, atime, mtimeMs / 1_000);
    expect(await rig.call(RUN, { main })).toEqual(COLD);
    fs.utimesSync(program, atime, mtimeMs / 1_000 + 1);
    expect(await rig.call(RUN, { main })).toEqual(COLD);
  });

  test('is kept for each set of options of Node by itself', async () => {
    const options = ['--max-lazy'];
    expect(await rig.call(RUN, { options })).toEqual(COLD);
    expect(await rig.call(RUN, { options })).toEqual(WARM);
    expect(await rig.call(RUN, { env: { NODE_OPTIONS: '--max-old-space-size=100' } })).toEqual(COLD);
    expect(await rig.call(RUN)).toEqual(WARM);
    expect(rig.kept).toHaveLength(3);
  });
});
