import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Lock, LockstepError, MisuseError, map, openStore, Process } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from '../support/cli-rig.ts';
import { gone, Yard } from '../support/main-process.ts';
import { until } from '../support/process-rig.ts';

const LIB = new URL('../../build/lib/index.js', import.meta.url).href;

const MODULE = `
import fs from 'node:fs';
export default (item, at) => ({ item, at });
export const begun = (file) => { fs.appendFileSync(file, process.pid + '\\n'); return new Promise(() => setInterval(() => undefined, 1_000)); };
export const fails = async ([file, fails]) => {
  if (!fails) return begun(file);
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 2));
  throw new RangeError('no ' + fails);
};
export const killedOnce = (file) => {
  fs.appendFileSync(file, process.pid + '\\n');
  if (fs.readFileSync(file, 'utf8').trim().split('\\n').length < 3) process.kill(process.pid, 'SIGKILL');
  return 'through';
};
export const exits = (file) => { fs.appendFileSync(file, 'x'); process.exit(3); };
export const killedAtFirst = ({ file, value }) => {
  const isFirst = !fs.existsSync(file);
  if (isFirst) { fs.writeFileSync(file, ''); process.kill(process.pid, 'SIGKILL'); }
  return value;
};
export const worker = () => process.pid;
export const back = (item) => item;
export const useLock = ({ lock, file }) => lock.withLock(() => fs.appendFileSync(file, lock.name));
export const stays = (item) => (setInterval(() => undefined, 1_000), item);
`;

let yard: Yard;
const { TMPDIR } = process.env;

beforeEach(() => {
  yard = new Yard();
  fs.mkdirSync(placeOf('tmp'));
  process.env.TMPDIR = placeOf('tmp');
  fs.writeFileSync(path.join(yard.root, 'module.mjs'), MODULE);
});

afterEach(async () => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  // Whatever has become of it.
  expect(fs.readdirSync(placeOf('tmp'))).toEqual([]);
  await yard.stop();
});

const of = (name: string) => ({ module: path.join(yard.root, 'module.mjs'), export: name });
const placeOf = (name: string) => path.join(yard.root, name);
const pidsIn = (file: string) =>
  fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];

test('the results come in the order of the items, whichever process was first', async () => {
  const found = await map(new Set(['a', 'b', 'c', 'd', 'e']), { ...of('default'), processes: 3 });
  expect(found).toEqual(['a', 'b', 'c', 'd', 'e'].map((item, at) => ({ item, at })));
  expect(await map([], of('default'))).toEqual([]);
  expect(Process.activeChildren()).toEqual([]);
});

test('the processes stay: there are no more than were asked for, however many items there are', async () => {
  const pids = await map(
    Array.from({ length: 300 }, (_, at) => at),
    { ...of('worker'), processes: 2 },
  );
  expect(pids).toHaveLength(300);
  expect(new Set(pids).size).toBeLessThanOrEqual(2);
});

test('items and results are transferred as those of a Process: not only JSON, primitives, and as large as they are', async () => {
  const values = [undefined, new Map([[{ a: 1 }, new Set([1n])]]), new Date(5), /x/g, Buffer.alloc(3 * 2 ** 20, 7)];
  const found = await map(values, { ...of('back'), processes: 2 });
  expect(found.slice(0, -1)).toEqual(values.slice(0, -1));
  expect((found.at(-1) as Buffer).equals(values.at(-1) as Buffer)).toBe(true);
  const lock = new Lock('deploy', { store: openStore(yard.store) });
  await map([{ lock, file: placeOf('locked') }], of('useLock'));
  expect(fs.readFileSync(placeOf('locked'), 'utf8')).toBe('deploy');
});

test('each of the items has its result when a process was killed among them', async () => {
  const items = Array.from({ length: 40 }, (_, value) => ({ value, file: placeOf('killed') }));
  expect(await map(items, { ...of('killedAtFirst'), processes: 2 })).toEqual(items.map(({ value }) => value));
});

test('nothing is left of it when main is killed: neither its processes nor its directory', async () => {
  const [file, program] = [placeOf('begun'), placeOf('main.mjs')];
  const items = [file, file, file];
  fs.writeFileSync(
    program,
    `import { map } from ${JSON.stringify(LIB)};
    await map(${JSON.stringify(items)}, ${JSON.stringify({ ...of('begun'), processes: 2 })});`,
  );
  const tmp = placeOf("tmp/it's a\ttmp *\\");
  fs.mkdirSync(tmp);
  const main = spawn(process.execPath, [program], { env: { ...process.env, TMPDIR: tmp }, stdio: 'ignore' });
  await until('two have begun', () => pidsIn(file).length === 2);
  expect(fs.readdirSync(tmp)).toHaveLength(1);
  main.kill('SIGKILL');
  await gone(...pidsIn(file));
  await until('its directory is gone', () => fs.readdirSync(tmp).length === 0);
  fs.rmdirSync(tmp);
});

test('a time that is over ends the processes, and the error says how many items are missing', async () => {
  const file = placeOf('begun');
  const late = map([file, file, file], { ...of('begun'), processes: 1, timeout: 1_500 });
  await expect(late).rejects.toMatchObject({
    code: 'RESULT_TIMEOUT',
    message: expect.stringContaining('3 of 3 items'),
  });
  expect(pidsIn(file).filter(isAlive)).toEqual([]);
});

test('a module that cannot be loaded, or has no such function, is an error at once', async () => {
  await expect(map([1, 2], of('missing'))).rejects.toThrow('exports no function "missing"');
  await expect(map([1], { module: placeOf('none.mjs') })).rejects.toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
  fs.writeFileSync(placeOf('dies.mjs'), "process.kill(process.pid, 'SIGKILL');");
  await expect(map([1], { module: placeOf('dies.mjs') })).rejects.toMatchObject({
    code: 'RESULT_LOST',
    message: expect.stringContaining('when it had no item'),
  });
});

test('a result that cannot be transferred is refused, and the error names the item', async () => {
  fs.writeFileSync(placeOf('function.mjs'), 'export default (item) => (item === 1 ? () => item : item);');
  await expect(map([0, 1], { module: placeOf('function.mjs') })).rejects.toMatchObject({
    code: 'RESULT_REFUSED',
    message: expect.stringMatching(/^map item 1 has done its work, but the result/),
  });
});

test('an error of one ends all: no process is left, and the error is the one that was thrown', async () => {
  const file = placeOf('begun');
  const items = [
    [file, ''],
    [file, 'more'],
    [file, ''],
  ];
  await expect(map(items, { ...of('fails'), processes: 2 })).rejects.toThrow(new RangeError('no more'));
  expect(Process.activeChildren()).toEqual([]);
  const pids = pidsIn(file);
  expect(pids).toHaveLength(1);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('an item whose process is killed is given to another one, and not for ever', async () => {
  const file = placeOf('killed');
  expect(await map([file], of('killedOnce'))).toEqual(['through']);
  expect(new Set(pidsIn(file)).size).toBe(3);
  fs.rmSync(file);
  const lost = await map([file], { ...of('killedOnce'), attempts: 2 }).catch((error: unknown) => error);
  expect(lost).toBeInstanceOf(LockstepError);
  expect(lost).toMatchObject({
    code: 'RESULT_LOST',
    message: expect.stringMatching(/^map item 0 was ended by SIGKILL .* \(2 processes were tried\)\.$/),
  });
  expect(pidsIn(file)).toHaveLength(2);
});

test('a process that exits by itself is not tried again', async () => {
  const file = placeOf('exits');
  await expect(map([file], of('exits'))).rejects.toMatchObject({
    code: 'RESULT_LOST',
    message: expect.stringMatching(/^map item 0 ended with exit code 3 before its function had returned/),
  });
  expect(fs.readFileSync(file, 'utf8')).toBe('x');
});

test('a function that leaves a timer behind has its result, and no process stays', async () => {
  expect(await map([1, 2], { ...of('stays'), processes: 1 })).toEqual([1, 2]);
  expect(Process.activeChildren()).toEqual([]);
});

test('a signal ends the processes, and its reason is the error', async () => {
  const file = placeOf('begun');
  const controller = new AbortController();
  const mapped = map([file, file, file], { ...of('begun'), processes: 2, signal: controller.signal });
  const rejected = expect(mapped).rejects.toThrow('enough');
  await until('two have begun', () => pidsIn(file).length === 2);
  controller.abort(new Error('enough'));
  await rejected;
  for (const pid of pidsIn(file)) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(pidsIn(file)).toHaveLength(2);
});

test('a daemon may not map, and says so; a process that is none may', async () => {
  fs.writeFileSync(
    placeOf('maps.mjs'),
    `import { map } from ${JSON.stringify(LIB)};
    export default () => map([1, 2], ${JSON.stringify(of('back'))});`,
  );
  const child = (daemon: boolean) => new Process({ module: placeOf('maps.mjs'), daemon, output: 'ignore' });
  const [one, other] = [child(true), child(false)];
  one.start();
  await expect(one.result()).rejects.toThrow('a daemon must not start children');
  other.start();
  expect(await other.result()).toEqual([1, 2]);
  await Promise.all([one.join(), other.join()]);
});

test('options that are none are misuse, and so is an item that would not arrive', async () => {
  for (const processes of [0, -1, 1.5])
    await expect(map([1], { ...of('default'), processes })).rejects.toThrow(MisuseError);
  await expect(map([1], { ...of('default'), attempts: 0 })).rejects.toThrow(MisuseError);
  await expect(map([1, () => 1], { ...of('default'), processes: 1 })).rejects.toThrow(MisuseError);
  expect(Process.activeChildren()).toEqual([]);
});
