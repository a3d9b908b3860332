import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig } from '../support/process-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

test('eight processes on one lock never overlap and lose no update', async () => {
  const directory = rig.section();
  const agents = await rig.startMany(8);
  const visits = agents.map((agent) =>
    agent.ask({ do: 'visit', resource: { name: 'deploy' }, directory, slots: 1, times: 50 }),
  );
  for (const answer of await Promise.all(visits)) expect(answer).toEqual({ is: 'visited', overlaps: 0 });
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe('400');
  expect((await rig.lock('deploy').inspect()).entries).toEqual([]);
});

test('the same with journals that rotate every few records', async () => {
  await rig.stop();
  rig = new Rig({ rotateBytes: 700 });
  const directory = rig.section();
  const agents = await rig.startMany(4);
  const visits = agents.map((agent) =>
    agent.ask({ do: 'visit', resource: { name: 'deploy' }, directory, slots: 1, times: 50 }),
  );
  for (const answer of await Promise.all(visits)) expect(answer).toEqual({ is: 'visited', overlaps: 0 });
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe('200');
  const files = fs.readdirSync(path.join(rig.directory, 'resources/deploy'));
  expect(files.filter((name) => name.startsWith('journal.'))).toHaveLength(2);
  expect(files.filter((name) => !name.startsWith('journal.'))).toEqual([]);
});

test('a semaphore of three lets in three at a time and never a fourth', async () => {
  const directory = rig.section();
  const agents = await rig.startMany(8);
  const resource = { name: 'ktv', permits: 3 };
  const visits = agents.map((agent) => agent.ask({ do: 'visit', resource, directory, slots: 3, times: 25 }));
  for (const answer of await Promise.all(visits)) expect(answer).toEqual({ is: 'visited', overlaps: 0 });

  const tokens = await Promise.all(agents.slice(0, 3).map((agent) => agent.acquire(resource)));
  expect(new Set(tokens).size).toBe(3);
  expect(await agents[3]?.ask({ do: 'tryAcquire', resource, as: 'fourth' })).toEqual({ is: 'refused' });
});

test('the detectors notice when nothing excludes: they would catch a broken lock', async () => {
  const directory = rig.section();
  const agents = await rig.startMany(4);
  // A semaphore as wide as the crowd, in a section for one.
  const resource = { name: 'open-door', permits: 4 };
  const visits = agents.map((agent) => agent.ask({ do: 'visit', resource, directory, slots: 1, times: 200 }));
  const answers = await Promise.all(visits);
  const overlaps = answers.map((answer) => (answer.is === 'visited' ? answer.overlaps : 0));
  expect(Math.max(...overlaps)).toBeGreaterThan(0);
  expect(Number(fs.readFileSync(path.join(directory, 'counter'), 'utf8'))).toBeLessThan(800);
});

test('processes that were all given the same random seed are distinguished', async () => {
  const seeded = ['sh', '-c', 'node=$1; shift; exec "$node" --random-seed=1 "$@"', 'sh'];
  const directory = rig.section();
  const agents = await Promise.all(Array.from({ length: 4 }, () => rig.start(seeded)));
  const visits = agents.map((agent) =>
    agent.ask({ do: 'visit', resource: { name: 'deploy' }, directory, slots: 1, times: 50 }),
  );
  for (const answer of await Promise.all(visits)) expect(answer).toEqual({ is: 'visited', overlaps: 0 });
  expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe('200');
});
