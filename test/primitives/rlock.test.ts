import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mostIn } from '../../fixtures/programs/section.ts';
import { type Nester, Rig } from '../support/process-rig.ts';

const lock = { name: 'deploy', reentrant: true };
const within = { is: 'in', token: expect.any(Number) };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

test('a lock that is acquired again and again inside is still one lock to others', async () => {
  const directory = rig.section();
  const nesters = await rig.startNesters(4);
  const [depth, times] = [3, 15];
  // Two in each process, side by side: they are no more one owner than two processes are.
  const visits = [...nesters, ...nesters].map((nester) =>
    nester.ask({ do: 'visit', resource: lock, directory, depth, times }),
  );
  // One token for each visit: what is acquired inside is the same entry.
  expect(await Promise.all(visits)).toEqual(visits.map(() => ({ is: 'visited', overlaps: 0, tokens: times })));
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe(String(visits.length * times * depth));
  expect(mostIn(directory)).toBe(1);
  expect((await rig.lock('deploy').inspect()).entries).toEqual([]);
});

test('it is free only when it was given back as often as it was acquired', async () => {
  const [owner, other] = (await rig.startNesters(2)) as [Nester, Nester];
  const token = await owner.ask({ do: 'enter', flow: 'a', resource: lock });
  expect(token).toEqual(within);
  const waited = other.ask({ do: 'enter', flow: 'b', resource: lock });
  await rig.inLine('deploy', 2);
  // In at once, and with the same token, though somebody waits.
  expect(await owner.ask({ do: 'enter', flow: 'a', resource: lock })).toEqual(token);
  expect(await owner.ask({ do: 'leave', flow: 'a' })).toEqual({ is: 'out' });
  const { entries } = await rig.lock('deploy').inspect();
  expect(entries.map(({ state, owners }) => [state, owners[0]?.pid])).toEqual([
    ['holding', owner.pid],
    ['waiting', other.pid],
  ]);
  expect(await owner.ask({ do: 'leave', flow: 'a' })).toEqual({ is: 'out' });
  expect(await waited).toEqual(within);
});

test('another flow of the same process is another owner', async () => {
  const nester = await rig.startNester();
  await nester.ask({ do: 'enter', flow: 'a', resource: lock });
  const waited = nester.ask({ do: 'enter', flow: 'b', resource: lock });
  await rig.inLine('deploy', 2);
  await nester.ask({ do: 'leave', flow: 'a' });
  expect(await waited).toEqual(within);
});

test('an owner that is killed when it has acquired it twice frees it for its successor', async () => {
  const [owner, successor] = (await rig.startNesters(2)) as [Nester, Nester];
  await owner.ask({ do: 'enter', flow: 'a', resource: lock });
  await owner.ask({ do: 'enter', flow: 'a', resource: lock });
  const waited = successor.ask({ do: 'enter', flow: 'b', resource: lock });
  await rig.inLine('deploy', 2);
  await owner.kill('SIGKILL');
  expect(await waited).toEqual(within);
  expect((await rig.lock('deploy').inspect()).entries.map(({ owners }) => owners[0]?.pid)).toEqual([successor.pid]);
});
