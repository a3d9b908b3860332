import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig } from '../support/process-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

test('who enters first is granted first', async () => {
  const resource = { name: 'deploy' };
  const agents = await rig.startMany(5);
  const order: number[] = [];
  const tokens: number[] = [];
  const grants: Array<Promise<void>> = [];
  const [first, ...rest] = agents;
  await first?.acquire(resource);
  for (const [index, agent] of rest.entries()) {
    grants.push(
      agent.acquire(resource).then((token) => {
        order.push(index + 1);
        tokens.push(token);
        return agent.release();
      }),
    );
    await rig.inLine('deploy', index + 2);
  }
  await first?.release();
  await Promise.all(grants);
  expect(order).toEqual([1, 2, 3, 4]);
  expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
  expect(new Set(tokens).size).toBe(tokens.length);
});

test('a small later request does not overtake a large earlier one', async () => {
  const resource = { name: 'ktv', permits: 3 };
  const [holder, large, small] = await rig.startMany(3);
  await holder?.acquire(resource, 'lease', 1);
  const order: string[] = [];
  const grantedLarge = large?.acquire(resource, 'lease', 3).then(() => order.push('large'));
  await rig.inLine('ktv', 2);
  // Two permits are free, and one is all that is asked for.
  expect(await small?.ask({ do: 'tryAcquire', resource, as: 'small', ask: 1 })).toEqual({ is: 'refused' });
  const grantedSmall = small?.acquire(resource, 'lease', 1).then(() => order.push('small'));
  await rig.inLine('ktv', 3);
  const { entries } = await rig.semaphore('ktv', 3).inspect();
  expect(entries.map(({ state, ask }) => [state, ask])).toEqual([
    ['holding', 1],
    ['waiting', 3],
    ['waiting', 1],
  ]);
  await holder?.release();
  await grantedLarge;
  await large?.release();
  await grantedSmall;
  expect(order).toEqual(['large', 'small']);
});

test('a release lets in as many as fit, and no more', async () => {
  const resource = { name: 'ktv', permits: 3 };
  const [holder, one, two, three] = await rig.startMany(4);
  await holder?.acquire(resource, 'lease', 3);
  const waits = [];
  for (const [index, agent] of [one, two, three].entries()) {
    waits.push(agent?.acquire(resource, 'lease', index === 2 ? 2 : 1));
    await rig.inLine('ktv', index + 2);
  }
  await holder?.release();
  await Promise.all(waits.slice(0, 2));
  const { entries } = await rig.semaphore('ktv', 3).inspect();
  expect(entries.map(({ state, ask }) => [state, ask])).toEqual([
    ['holding', 1],
    ['holding', 1],
    ['waiting', 2],
  ]);
  await one?.release();
  await waits[2];
});
