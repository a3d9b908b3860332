import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { JsonFile, LeaseLostError, MisuseError, StoreError } from '../../lib/index.ts';
import { temporaryDirectory } from './tape.ts';

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
