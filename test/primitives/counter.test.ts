import fs from 'node:fs';
import path from 'node:path';
import { Counter } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig, until } from '../support/process-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

/** What one process says of its adds: how many it began, and the sums that it was told. */
function readLog(log: string): { begun: number; sums: number[] } {
  const text = fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '';
  const sums = text.split('\n').flatMap((line) => (/^\+\d+$/.test(line) ? [Number(line.slice(1))] : []));
  return { begun: text.split('+').length - 1, sums };
}

test.each([{}, { rotateBytes: 900 }])(
  'adds of processes that are killed meanwhile are done whole or not at all: %j',
  async (options) => {
    await rig.stop();
    rig = new Rig(options);
    const members = await rig.startMembers(6);
    const logs = members.map(({ pid }) => path.join(rig.root, `adds.${pid}`));
    const doomed = members.slice(0, 3);
    const times = 300;
    const all = members.map((member, at) =>
      member.ask({ do: 'add', counter: 'visits', times: at < doomed.length ? 1_000_000 : times, log: logs[at] ?? '' }),
    );
    for (const [at, member] of doomed.entries()) {
      await until('it has added a few times', () => readLog(logs[at] ?? '').sums.length > 40 * (at + 1));
      await member.kill('SIGKILL');
    }
    expect(await Promise.all(all.slice(doomed.length))).toEqual(all.slice(doomed.length).map(() => ({ is: 'done' })));

    const said = logs.map(readLog);
    const sums = said.flatMap((log) => log.sums);
    const begun = said.reduce((sum, log) => sum + log.begun, 0);
    const total = await new Counter('visits', { store: rig.store }).get();
    // Each who was killed may have added once more than it was told.
    expect(begun - sums.length).toBeLessThanOrEqual(doomed.length);
    expect(total).toBeGreaterThanOrEqual(sums.length);
    expect(total).toBeLessThanOrEqual(begun);
    expect(new Set(sums).size).toBe(sums.length);
    expect(Math.max(...sums)).toBeLessThanOrEqual(total);
    for (const log of said) expect(log.sums).toEqual(log.sums.toSorted((a, b) => a - b));
    for (const log of said.slice(doomed.length)) expect(log.sums).toHaveLength(times);
  },
);

test('the number outlives all who added to it', async () => {
  const first = await rig.startMember();
  const log = path.join(rig.root, 'adds');
  await first.ask({ do: 'add', counter: 'visits', times: 3, log });
  await first.kill('SIGKILL');
  const second = await rig.startMember();
  await second.ask({ do: 'add', counter: 'visits', times: 1, log });
  expect(readLog(log).sums).toEqual([1, 2, 3, 4]);
});
