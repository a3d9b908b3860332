import fs from 'node:fs';
import path from 'node:path';
import { Counter } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Member, Rig, until } from '../support/process-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

const TICKETS = 1_500;

/** What all processes wrote down of their sales: the sequence, what was left, and the id. */
function readSales(file: string): Array<[sequence: number, left: number, id: string]> {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '))
    .map(([sequence, left, id]) => [Number(sequence), Number(left), String(id)]);
}

test.each([{}, { rotateBytes: 900 }])(
  'eight processes that sell until nothing is left, and are killed and ask again, sell each ticket once: %j',
  async (options) => {
    await rig.stop();
    rig = new Rig(options);
    const sold = path.join(rig.root, 'sold');
    const tickets = new Counter('tickets', { store: rig.store });
    await tickets.add(TICKETS);
    const members = await rig.startMembers(8);
    const sell = (member: Member, slot: number, pauseMs: number) =>
      member.ask({ do: 'sell', counter: 'tickets', slot: `s${slot}`, sold, pauseMs });
    const doomed = members.slice(0, 3);
    for (const [slot, member] of doomed.entries()) sell(member, slot, 1);
    for (const slot of doomed.keys())
      await until('it has sold', () => readSales(sold).filter(([, , id]) => id.startsWith(`s${slot}:`)).length > 9);
    const sales = members.slice(3).map((member, at) => sell(member, 3 + at, 0));
    for (const member of doomed) await member.kill('SIGKILL');
    // Those who come in their places ask for all that they had asked for.
    const successors = await rig.startMembers(3);
    const again = successors.map((member, slot) => sell(member, slot, 0));
    const all = await Promise.all([...sales, ...again]);
    expect(all).toEqual(all.map(() => ({ is: 'sold out', wrong: [] })));

    // By the counter, and by what its users have seen: neither knows of the other.
    expect(await tickets.get()).toBe(0);
    const seen = readSales(sold);
    const distinct = new Map(seen.map(([sequence, left, id]) => [id, [sequence, left]]));
    for (const [sequence, left, id] of seen) expect([id, sequence, left]).toEqual([id, ...(distinct.get(id) ?? [])]);
    const inOrder = [...distinct.values()].sort(([one = 0], [other = 0]) => one - other);
    expect(inOrder).toEqual(Array.from({ length: TICKETS }, (_, at) => [at + 1, TICKETS - 1 - at]));
    // Those who were killed had sold what was sold to their successors.
    expect(seen.length).toBeGreaterThan(TICKETS);
  },
);
