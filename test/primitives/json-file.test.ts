import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { JsonFile, LeaseLostError, MisuseError, StoreError } from '../../lib/index.ts';
import { temporaryDirectory } from '../support/tape.ts';

interface Ticket {
  count: number;
}

let directory: string;
let file: string;

beforeEach(() => {
  directory = temporaryDirectory();
  file = path.join(directory, 'ticket.json');
});

function write(text: string): JsonFile<Ticket> {
  fs.writeFileSync(file, text);
  return new JsonFile<Ticket>(file);
}

const text = () => fs.readFileSync(file, 'utf8');
const addOne = (ticket: Ticket) => {
  ticket.count += 1;
};

describe('an update keeps', () => {
  test.each([
    ['no indentation', '{"count":1}', '{"count":2}'],
    ['two spaces', '{\n  "count": 1\n}', '{\n  "count": 2\n}'],
    ['four spaces and a final newline', '{\n    "count": 1\n}\n', '{\n    "count": 2\n}\n'],
    ['tabs', '{\n\t"count": 1\n}\n', '{\n\t"count": 2\n}\n'],
  ])('%s', async (_, before, after) => {
    expect(await write(before).update(addOne)).toEqual({ count: 2 });
    expect(text()).toBe(after);
  });

  test.each(['644', '600', '664', '640'])('the mode %s', async (mode) => {
    const json = write('{"count":1}');
    fs.chmodSync(file, Number.parseInt(mode, 8));
    await json.update(addOne);
    expect((fs.statSync(file).mode & 0o777).toString(8)).toBe(mode);
  });

  test.runIf(process.getuid?.() === 0)('the owner', async () => {
    const json = write('{"count":1}');
    fs.chownSync(file, 12_345, 23_456);
    await json.update(addOne);
    expect(fs.statSync(file)).toMatchObject({ uid: 12_345, gid: 23_456 });
  });

  test('a symbolic link, and changes its target', async () => {
    write('{"count":1}');
    fs.mkdirSync(path.join(directory, 'links'));
    const link = path.join(directory, 'links', 'link.json');
    fs.symlinkSync('../ticket.json', link);
    await new JsonFile<Ticket>(link).update(addOne);
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect(text()).toBe('{"count":2}');
    // One lock for both: it lives beside the target.
    expect(fs.readdirSync(path.join(directory, 'links'))).toEqual(['link.json']);
    expect(fs.readdirSync(directory).sort()).toEqual(['.lockstep', 'links', 'ticket.json']);
  });
});

test('a new value may be returned instead', async () => {
  const json = write('{"count":1}');
  expect(await json.update(({ count }) => ({ count: count * 10 }))).toEqual({ count: 10 });
  expect(await json.update(async ({ count }) => ({ count: count + 1 }))).toEqual({ count: 11 });
  expect(await json.read()).toEqual({ count: 11 });
});

test('an update that changes nothing does not write', async () => {
  const json = write('{"count":1}');
  const { ino } = fs.statSync(file);
  await json.update(() => undefined);
  expect(fs.statSync(file).ino).toBe(ino);
});

test('concurrent updates in one process lose none', async () => {
  const json = write('{"count":0}');
  await Promise.all(
    Array.from({ length: 25 }, () =>
      json.update(async (ticket) => {
        await new Promise(setImmediate);
        ticket.count += 1;
      }),
    ),
  );
  expect(await json.read()).toEqual({ count: 25 });
});

describe('the file stays byte for byte as it was, and unlocked, when', () => {
  const ODD = '{ "count":1 ,\n "more" : [ ]}  \n\n';

  async function expectUnchanged(update: (json: JsonFile<Ticket>) => Promise<unknown>, before = ODD): Promise<unknown> {
    const json = write(before);
    const { ino } = fs.statSync(file);
    const error = await update(json).then(
      () => expect.unreachable('it should have been rejected'),
      (reason: unknown) => reason,
    );
    expect(text()).toBe(before);
    expect(fs.statSync(file).ino).toBe(ino);
    expect(fs.readdirSync(directory).sort()).toEqual(['.lockstep', 'ticket.json']);
    expect((await json.lock.inspect()).entries).toEqual([]);
    return error;
  }

  test('the function throws', async () => {
    const error = await expectUnchanged((json) =>
      json.update((ticket) => {
        ticket.count = 99;
        throw new Error('no');
      }),
    );
    expect(error).toMatchObject({ message: 'no' });
  });

  test('the function rejects', async () => {
    const error = await expectUnchanged((json) => json.update(() => Promise.reject(new Error('no'))));
    expect(error).toMatchObject({ message: 'no' });
  });

  test.each(['{"count":', '', 'hello', '{}\ufeff'])('it is not JSON: %j', async (before) => {
    const error = await expectUnchanged((json) => json.update(addOne), before);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: 'FILE_NOT_JSON', path: file });
  });

  test.each([
    ['a function', () => () => undefined],
    ['a symbol', () => Symbol('x')],
  ])('the new value is %s', async (_, change) => {
    const error = await expectUnchanged((json) => json.update(change as unknown as () => Ticket));
    expect(error).toBeInstanceOf(MisuseError);
  });

  test('the new value has a cycle, or a bigint', async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    await expectUnchanged((json) => json.update(() => cycle as unknown as Ticket));
    await expectUnchanged((json) => json.update(() => ({ count: 1n }) as unknown as Ticket));
  });

  test('the function both changes the value and returns another', async () => {
    // biome-ignore lint/suspicious/noAssignInExpressions: this is the mistake.
    const mistake = (ticket: Ticket) => (ticket.count -= 1) as unknown as Ticket;
    const error = await expectUnchanged((json) => json.update(mistake));
    expect(error).toBeInstanceOf(MisuseError);
    expect(String(error)).toContain('also returned another one');
  });

  test('the lease is lost meanwhile', async () => {
    const error = await expectUnchanged((json) =>
      json.update(async (ticket, lease) => {
        await json.lock.store.evict('ticket.json', lease.token, { reason: 'broken', by: 'the test' });
        ticket.count = 99;
      }),
    );
    expect(error).toBeInstanceOf(LeaseLostError);
  });
});

describe('what the function returns is not taken for a new document, and the file stays, where', () => {
  const odd: Array<[string, string, (value: never) => unknown]> = [
    ['an assignment changes nothing', '{"n":5}', (t: { n: number }) => Object.assign(t, { n: 5 }).n],
    ['a delete finds nothing', '{"a":1}', (t: Record<string, unknown>) => delete t.b],
    ['a list was sorted already', '{"list":[1,2,3]}', (t: { list: number[] }) => t.list.sort()],
    ['a queue is empty', '{"queue":[],"keep":1}', (t: { queue: unknown[] }) => t.queue.pop() ?? null],
    ['nothing is left to splice', '{"queue":[],"keep":1}', (t: { queue: unknown[] }) => t.queue.splice(0, 1)],
    [
      'something is found',
      '{"users":[{"id":1}]}',
      (t: { users: Array<{ id: number }> }) => t.users.find(({ id }) => id === 1),
    ],
    ['a condition is false', '{"stock":0}', (t: { stock: number }) => t.stock > 0],
    ['it is a string', '{"name":"x"}', (t: { name: string }) => t.name],
    ['it is a Map or a Date', '{"a":1}', () => new Map([[1, new Date()]])],
    ['a list is not a document’s kind', '{"a":1}', (t: object) => Object.keys(t)],
    ['a list has no such member', '[1,2]', (t: number[]) => t.indexOf(5)],
  ];
  test.each(odd)('%s', async (_, before, change) => {
    const json = write(before);
    const { ino } = fs.statSync(file);
    expect(await json.update(change as never)).toEqual(JSON.parse(before));
    expect(text()).toBe(before);
    expect(fs.statSync(file).ino).toBe(ino);
  });
});

test.each([
  ['a list for a list', '[1,2,3]', (list: number[]) => list.filter((n) => n > 1), '[2,3]'],
  ['an object for an object', '{"a":1}', (t: object) => ({ ...t, b: 2 }), '{"a":1,"b":2}'],
  ['anything for a number', '5', (n: number) => n + 1, '6'],
  ['anything for null', 'null', () => ({ a: 1 }), '{"a":1}'],
])('what it returns is a new document if it plainly is one: %s', async (_, before, change, after) => {
  await write(before).update(change as never);
  expect(text()).toBe(after);
});

describe('a file whose bytes would not survive', () => {
  const LATIN = Buffer.from('{"name":"Andr\xe9","count":1}', 'latin1');

  test('is refused by update, which says which byte', async () => {
    fs.writeFileSync(file, LATIN);
    const json = new JsonFile<Ticket>(file);
    await expect(json.update(addOne)).rejects.toMatchObject({ code: 'FILE_NOT_UTF8' });
    await expect(json.update(addOne)).rejects.toThrow('byte 14 is 0xe9');
    await expect(json.updateText((it) => it)).rejects.toMatchObject({ code: 'FILE_NOT_UTF8' });
    await expect(json.read()).rejects.toMatchObject({ code: 'FILE_NOT_UTF8' });
    expect(fs.readFileSync(file)).toEqual(LATIN);
  });

  test('survives updateBytes', async () => {
    fs.writeFileSync(file, LATIN);
    await new JsonFile(file).updateBytes((bytes) => Buffer.from(bytes.toString('latin1').replace('1', '2'), 'latin1'));
    expect(fs.readFileSync(file)).toEqual(Buffer.from('{"name":"Andr\xe9","count":2}', 'latin1'));
  });

  test('a change in place of the bytes that were given is a change', async () => {
    await write('{"count":1}').updateBytes((bytes) => bytes.fill('2', 9, 10));
    expect(text()).toBe('{"count":2}');
  });

  test('one that is UTF-8 must stay so', async () => {
    await expect(write('{"count":1}').updateBytes(() => LATIN)).rejects.toMatchObject({ code: 'FILE_NOT_UTF8' });
    expect(text()).toBe('{"count":1}');
  });

  test('a byte order mark is kept, and no part of the text', async () => {
    const json = write('\ufeff{"count":1}');
    await json.update(addOne);
    await json.updateText((it) => (it.startsWith('{') ? it.replace('2', '3') : 'no'));
    expect(text()).toBe('\ufeff{"count":3}');
  });

  test('what cannot be seen is no part of a message', async () => {
    const error = (await write('\u202e\ufeff{}')
      .update(addOne)
      .catch((reason: Error) => reason)) as Error;
    expect(error.message).toMatch(/not JSON \(.*\\u202e\\ufeff/);
    expect(error.message).not.toMatch(/[\p{Cf}]/u);
  });
});

test('a link that is turned to another file during the wait: that one is changed, under its own lock', async () => {
  for (const version of ['v1', 'v2']) {
    fs.mkdirSync(path.join(directory, version));
    fs.writeFileSync(path.join(directory, version, 'c.json'), '{"count":0}');
  }
  const current = path.join(directory, 'current');
  fs.symlinkSync('v1', current);
  const [v1, v2] = ['v1', 'v2'].map((version) => new JsonFile<Ticket>(path.join(directory, version, 'c.json')));
  const lease = await v1?.lock.acquire();
  const inside = new AbortController();
  const goOn = new AbortController();
  const through = new JsonFile<Ticket>(path.join(current, 'c.json')).update(async (ticket) => {
    inside.abort();
    await once(goOn.signal, 'abort');
    addOne(ticket);
  });
  fs.unlinkSync(current);
  fs.symlinkSync('v2', current);
  await lease?.release();
  if (!inside.signal.aborted) await once(inside.signal, 'abort');
  expect(await v2?.lock.tryAcquire()).toBeNull();
  const direct = v2?.update(addOne);
  goOn.abort();
  await Promise.all([through, direct]);
  expect(await v1?.read()).toEqual({ count: 0 });
  expect(await v2?.read()).toEqual({ count: 2 });
});

test('where there is no file to be changed, nothing is made', async () => {
  const json = new JsonFile(directory);
  await expect(json.update(() => undefined)).rejects.toMatchObject({ code: 'FILE_NOT_REGULAR' });
  expect(() => json.lock).toThrow('it is a directory');
  expect(fs.existsSync(path.join(path.dirname(directory), '.lockstep', 'resources', path.basename(directory)))).toBe(
    false,
  );
});

test('a file that is not there is an error, and is not made', async () => {
  const json = new JsonFile<Ticket>(file);
  await expect(json.update(addOne)).rejects.toMatchObject({ code: 'FILE_MISSING', path: file });
  await expect(json.read()).rejects.toMatchObject({ code: 'FILE_MISSING' });
  expect(fs.readdirSync(directory)).toEqual([]);
});

test('reading takes no lock', async () => {
  const json = write('{"count":1}');
  await using _lease = await json.lock.acquire();
  expect(await json.read()).toEqual({ count: 1 });
});
