import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig } from '../support/process-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

test('concurrent updates by several processes lose none, and every reader sees whole JSON', async () => {
  const file = path.join(rig.root, 'ticket.json');
  fs.writeFileSync(file, '{\n  "count": 0\n}\n');
  const agents = await rig.startMany(4);
  const updates = Promise.all(agents.map((agent) => agent.ask({ do: 'update', file, times: 25 })));
  let over = false;
  updates.finally(() => {
    over = true;
  });
  while (!over) {
    expect(JSON.parse(fs.readFileSync(file, 'utf8')).count).toBeLessThanOrEqual(100);
    await new Promise(setImmediate);
  }
  for (const answer of await updates) expect(answer).toEqual({ is: 'done' });
  expect(fs.readFileSync(file, 'utf8')).toBe('{\n  "count": 100\n}\n');
  for (const agent of agents) {
    void agent.ask({ do: 'finish' });
    await agent.end();
  }
  // The sessions of those that ended are gone too; their lifelines are spares for the next ones.
  expect(fs.readdirSync(path.join(rig.root, '.lockstep', 'sessions')).filter((name) => name !== 'spare')).toEqual([]);
  expect(fs.readdirSync(rig.root).sort()).toEqual(['.lockstep', 'ticket.json']);
});
