import fs from 'node:fs';
import path from 'node:path';
import { Lock, LockstepError, LockTimeoutError, openStore, Process } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Yard } from '../support/main-process.ts';

const LIBRARY = new URL('../../dist/lib/index.js', import.meta.url).href;
const MODULE = `
import fs from 'node:fs';
import { Lock } from ${JSON.stringify(LIBRARY)};
class Refusal extends RangeError {
  constructor(message, cause) {
    super(message, { cause });
    this.code = 'E_REFUSED';
    this.detail = { rows: [1, 2] };
    this.retry = () => undefined;
  }
}
export default (a, b) => a + b;
export const later = async (value) => value;
export const stays = (value) => (setInterval(() => undefined, 1_000), value);
export const pending = () => new Promise(() => setInterval(() => undefined, 1_000));
export const refuses = async () => {
  const cause = new TypeError('the reason');
  const error = new Refusal('no', cause);
  cause.cause = error;
  throw error;
};
export const many = () => { throw new AggregateError([new Error('one'), new DOMException('two', 'AbortError')], 'many'); };
export const fails = (what) => { throw what; };
export const give = (lock) => new Map([[lock.name, lock]]);
export const waits = async (lock) => { await lock.acquire(); await new Lock(lock.name, { store: lock.store }).acquire({ timeout: 0 }); };
export const returnsFunction = () => ({ deep: [() => 1] });
export const throwsFunction = () => { throw () => 1; };
export const bytes = (count) => Buffer.alloc(count, 7);
export const exits = () => process.exit(3);
export const killed = () => process.kill(process.pid, 'SIGKILL');
export const hangs = () => new Promise(() => undefined);
export const thrownElsewhere = () => new Promise(() => setTimeout(() => { throw new Error('elsewhere'); }));
export const blocked = (gate) => { while (!fs.existsSync(gate)); return 'through'; };
`;

let yard: Yard;
let started: Process[];

beforeEach(() => {
  yard = new Yard();
  started = [];
  fs.writeFileSync(path.join(yard.root, 'module.mjs'), MODULE);
});

afterEach(async () => {
  for (const child of started) child.kill();
  await Promise.all(started.map((child) => child.join()));
  await yard.stop();
});

function start(name: string, args: unknown[] = [], daemon = false): Process {
  const module = path.join(yard.root, 'module.mjs');
  const child = new Process({ module, export: name, args, daemon, output: 'ignore' });
  child.start();
  started.push(child);
  return child;
}

/** What the result rejects with. */
function rejection(child: Process): Promise<unknown> {
  return child.result().then(
    (value) => expect.fail(`it has a result: ${String(value)}`),
    (error: unknown) => error,
  );
}

describe('the result is', () => {
  test('what the function returned, or what its promise was fulfilled with; the same object late, and again', async () => {
    const [sum, later] = [start('default', [1, 2]), start('later', [{ when: new Date(0) }])];
    expect(await sum.result<number>()).toBe(3);
    expect(await later.join()).toBe(0);
    const first = await later.result();
    expect(first).toEqual({ when: new Date(0) });
    expect(await later.result()).toBe(first);
  });

  test('there as soon as the function has returned, though the process goes on', async () => {
    const children = [start('stays', ['ordinary']), start('stays', ['daemon'], true)];
    expect(await Promise.all(children.map((child) => child.result()))).toEqual(['ordinary', 'daemon']);
    expect(children.map((child) => child.isAlive())).toEqual([true, true]);
  });

  test('a primitive of the same resource, where that was returned', async () => {
    const lock = new Lock('given', { store: openStore(yard.store) });
    const locks = await start('give', [lock]).result<Map<string, Lock>>();
    const lease = await (locks.get('given') as Lock).acquire();
    expect(await lock.tryAcquire()).toBeNull();
    await lease.release();
  });

  test('whole, though it is larger than a pipe, and main was busy', async () => {
    const child = start('bytes', [2 ** 20]);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    const bytes = await child.result<Buffer>();
    expect([bytes.length, bytes.at(-1)]).toEqual([2 ** 20, 7]);
    expect(await child.join()).toBe(0);
  });
});

describe('the result rejects with', () => {
  test('the error of the function: its class, message, code, stack, cause, and what else can be transferred', async () => {
    const child = start('refuses');
    const error = (await rejection(child)) as RangeError & { cause: TypeError; detail: unknown };
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ message: 'no', code: 'E_REFUSED', detail: { rows: [1, 2] } });
    expect(error.constructor.name).toBe('Refusal');
    expect(error.stack).toMatch(/^RangeError: no\n {4}at .*module\.mjs/);
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.cause.cause).toBe(error);
    expect(error).not.toHaveProperty('retry');
    expect(await child.join()).toBe(1);
  });

  test('errors of JavaScript’s, the web’s and Lockstep’s own classes', async () => {
    const lock = new Lock('held', { store: openStore(yard.store) });
    const [many, refused] = [start('many'), start('waits', [lock])];
    const aggregate = (await rejection(many)) as AggregateError;
    expect(aggregate).toBeInstanceOf(AggregateError);
    expect(aggregate.errors[0]).toMatchObject({ name: 'Error', message: 'one' });
    expect(aggregate.errors[1]).toBeInstanceOf(DOMException);
    expect(aggregate.errors[1]).toMatchObject({ name: 'AbortError', message: 'two' });
    const timeout = (await rejection(refused)) as LockTimeoutError;
    expect(timeout).toBeInstanceOf(LockTimeoutError);
    expect(timeout).toBeInstanceOf(LockstepError);
    expect(timeout).toMatchObject({ code: 'LOCK_TIMEOUT', resource: 'held', holders: [{ pid: refused.pid }] });
  });

  test('what was thrown, also if it is no error', async () => {
    const children = ['text', undefined, { code: 5 }].map((thrown) => start('fails', [thrown]));
    expect(await Promise.all(children.map(rejection))).toEqual(['text', undefined, { code: 5 }]);
  });

  test('why the module could not be loaded, or has no such function', async () => {
    const missing = new Process({ module: path.join(yard.root, 'none.mjs'), output: 'ignore' });
    missing.start();
    expect(await rejection(missing)).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
    expect(await rejection(start('nothing'))).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining('exports no function "nothing"'),
    });
  });

  test('RESULT_REFUSED, where it would not arrive as it is; the exit code stays', async () => {
    const [returned, threw] = [start('returnsFunction'), start('throwsFunction')];
    expect(await rejection(returned)).toMatchObject({
      code: 'RESULT_REFUSED',
      message: expect.stringContaining('the result.deep[0] is the function without a name: export it'),
    });
    expect(await rejection(threw)).toMatchObject({ code: 'RESULT_REFUSED' });
    expect([await returned.join(), await threw.join()]).toEqual([0, 1]);
  });

  test.each([
    ['called process.exit', 'exits', 'ended with exit code 3 before'],
    ['was killed', 'killed', 'was ended by SIGKILL (signal 9) before'],
    ['has nothing left that could settle its promise', 'hangs', 'ended with exit code 0 before'],
    ['threw an error elsewhere', 'thrownElsewhere', 'ended with exit code 1 before'],
  ])('RESULT_LOST, where the process %s', async (_, name, words) => {
    const child = start(name);
    const lost = { code: 'RESULT_LOST', resource: child.name, message: expect.stringContaining(words) };
    expect(await rejection(child)).toMatchObject(lost);
    expect(await rejection(child)).toMatchObject(lost);
  });

  test('RESULT_LOST, where a daemon was ended first', async () => {
    const child = start('pending', [], true);
    const lost = rejection(child);
    await child.end();
    expect(await lost).toMatchObject({ code: 'RESULT_LOST', message: expect.stringContaining('SIGTERM') });
  });

  test('RESULT_TIMEOUT, or the signal’s reason; the process goes on, and may be asked again', async () => {
    const child = start('blocked', [yard.gate]);
    await expect(child.result({ timeout: 10 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    const stop = new AbortController();
    const waiting = child.result({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(child.result({ signal: stop.signal })).rejects.toThrow('enough');
    yard.open();
    expect(await child.result()).toBe('through');
  });

  test('MISUSE, before start, of a command, and for a timeout that is none', async () => {
    const module = path.join(yard.root, 'module.mjs');
    await expect(new Process({ module }).result()).rejects.toMatchObject({
      code: 'MISUSE',
      message: expect.stringContaining('call start()'),
    });
    await expect(new Process({ command: ['true'] }).result()).rejects.toThrow(/is a command, which has no result/);
    await expect(start('default').result({ timeout: -1 })).rejects.toThrow(/timeout must be/);
  });
});

test('a program that never asks has no unhandled rejection, and a program that asks stays until it knows', async () => {
  const program = path.join(yard.root, 'main.mjs');
  fs.writeFileSync(
    program,
    `import { Process } from ${JSON.stringify(LIBRARY)};
    process.on('unhandledRejection', (error) => console.log('unhandled', error));
    const start = (name, args) => {
      const child = new Process({ module: new URL('./module.mjs', import.meta.url), export: name, args, output: 'ignore' });
      child.start();
      return child;
    };
    console.log(await start('fails', ['never asked for']).join());
    console.log(await start('stays', ['asked for'], true).result());
    for (const child of Process.activeChildren()) child.kill();`,
  );
  const main = new Process({ command: [process.execPath, program], output: 'pipe' });
  main.start();
  expect((await main.stdout?.toArray())?.join('')).toBe('1\nasked for\n');
  expect(await main.join()).toBe(0);
});
