import fs from 'node:fs';
import { jsonBack, sqliteBack } from 'lockstep/hot';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { testBack } from './back-contract.ts';
import { HotRig } from './hot-rig.ts';

testBack('SQLite, by the engine of this Node', (rig) => rig.keep(sqliteBack(rig.path('shop.sqlite'))));
testBack('SQLite in WebAssembly', (rig) =>
  rig.keep(sqliteBack(rig.path('shop.sqlite'), { engine: 'node-sqlite3-wasm' })),
);
testBack('a JSON file', (rig) => rig.keep(jsonBack(rig.path('shop.json'))));

let rig: HotRig;
beforeEach(() => {
  rig = new HotRig();
});
afterEach(() => rig.end());

const sales = [{ id: 'order-1', n: 1, sequence: 1, left: 0, at: 0 }];
const batch = { name: 'show', token: 1, generation: 'one', loaded: 1, sales, isRescue: false };

test('SQLite in WebAssembly leaves nothing beside the file, and refuses a file that another program is in the middle of', async () => {
  const back = rig.keep(sqliteBack(rig.path('shop.sqlite'), { engine: 'node-sqlite3-wasm' }));
  await back.write(batch);
  expect(fs.readdirSync(rig.directory).sort()).toEqual(['.lockstep', 'shop.sqlite']);
  fs.writeFileSync(rig.path('shop.sqlite-journal'), 'a page');
  await expect(back.write(batch)).rejects.toThrow('another program uses it, or was killed while it did');
  fs.rmSync(rig.path('shop.sqlite-journal'));
  expect(await back.write(batch)).toMatchObject({ cursor: 1 });
});

test('SQLite in WebAssembly keeps the file’s mode, and removes what killed writers have left', async () => {
  const back = rig.keep(sqliteBack(rig.path('shop.sqlite'), { engine: 'node-sqlite3-wasm' }));
  await back.write(batch);
  fs.chmodSync(rig.path('shop.sqlite'), 0o640);
  fs.mkdirSync(rig.path('.shop.sqlite.lockstep-killed'));
  fs.utimesSync(rig.path('.shop.sqlite.lockstep-killed'), 0, 0);
  await back.write({ ...batch, token: 2 });
  expect(fs.statSync(rig.path('shop.sqlite')).mode & 0o777).toBe(0o640);
  expect(fs.readdirSync(rig.directory).sort()).toEqual(['.lockstep', 'shop.sqlite']);
});

test('what is no database is refused in words, and stays as it is', async () => {
  fs.writeFileSync(rig.path('shop.sqlite'), 'this is a letter to a friend, and no database at all');
  await expect(rig.sqlite().write(batch)).rejects.toMatchObject({ code: 'REFUSED' });
  expect(fs.readFileSync(rig.path('shop.sqlite'), 'utf8')).toContain('a letter');
  await expect(rig.sqlite('no-such/shop.sqlite').write(batch)).rejects.toMatchObject({ code: 'STORE_GONE' });
});

test('a JSON file past its limit is refused, and stays as it is', async () => {
  const back = rig.keep(jsonBack(rig.path('shop.json'), { maxBytes: 400 }));
  await back.write(batch);
  const before = fs.readFileSync(rig.path('shop.json'), 'utf8');
  const more = Array.from({ length: 9 }, (_, at) => ({
    id: `order-${at + 2}`,
    n: 1,
    sequence: at + 2,
    left: 0,
    at: 0,
  }));
  await expect(back.write({ ...batch, loaded: 99, sales: more })).rejects.toMatchObject({ code: 'STORE_FULL' });
  expect(fs.readFileSync(rig.path('shop.json'), 'utf8')).toBe(before);
});

test('the name of a table is an identifier, and nothing else', () => {
  for (const table of ['a b', 'a;b', '', '1a', 'a.b.c', 'a"b'])
    expect(() => sqliteBack('x', { table }), table).toThrow('must be the name of a table');
  expect(() => sqliteBack('x', { table: 'a', orders: 'a' })).toThrow('two tables');
  expect(() => sqliteBack('x', { tabel: 'a' } as never)).toThrow('did you mean table');
});
