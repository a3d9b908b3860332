import { afterEach, beforeEach, expect, test } from 'vitest';
import { mostIn } from '../../fixtures/programs/section.ts';
import { type AgentProcess, Rig } from '../support/process-rig.ts';

const resource = { name: 'ktv', permits: 3, bounded: true };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

test('it lets in three at a time and never a fourth, also after a release too many, which is reported', async () => {
  const directory = rig.section();
  const agents = (await rig.startMany(6)) as [AgentProcess, ...AgentProcess[]];
  for (const agent of agents.slice(0, 3)) {
    await agent.acquire(resource);
    await agent.release();
    expect(await agent.ask({ do: 'release', as: 'lease' })).toMatchObject({ is: 'failed', code: 'MISUSE' });
  }
  const visits = agents.map((agent) => agent.ask({ do: 'visit', resource, directory, slots: 3, times: 25 }));
  expect(await Promise.all(visits)).toEqual(agents.map(() => ({ is: 'visited', overlaps: 0 })));
  expect(mostIn(directory)).toBeLessThanOrEqual(3);
  // As many as there are, and no more: now for certain all at once.
  const [fourth, ...others] = agents;
  await Promise.all(others.slice(0, 3).map((agent) => agent.acquire(resource)));
  expect(await fourth.ask({ do: 'tryAcquire', resource, as: 'fourth' })).toEqual({ is: 'refused' });
});
