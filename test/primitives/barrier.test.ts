import fs from 'node:fs';
import path from 'node:path';
import { Barrier } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Member, Rig, until } from '../support/process-rig.ts';

const spec = { barrier: 'start', parties: 3 };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

function barrier(): Barrier {
  return new Barrier(spec.barrier, spec.parties, { store: rig.store });
}

async function meeting(members: readonly Member[]): Promise<number[]> {
  const answers = await Promise.all(members.map((member) => member.ask({ do: 'meet', ...spec })));
  return answers.map((answer) => {
    if (answer.is !== 'met') throw new Error(`not met: ${JSON.stringify(answer)}`);
    return answer.index;
  });
}

/** Has them come in this order, one after the other. */
async function come(members: readonly Member[], to: typeof spec = spec) {
  const before = (await rig.store.snapshot(to.barrier))?.entries.length ?? 0;
  const waits = [];
  for (const [place, member] of members.entries()) {
    waits.push(member.ask({ do: 'meet', ...to }));
    await rig.inLine(to.barrier, before + place + 1);
  }
  return waits;
}

const broken = { is: 'failed', name: 'BrokenBarrierError', code: 'BARRIER_BROKEN' };

test.each([{}, { rotateBytes: 900 }])(
  'round after round nobody is ahead, and each has another index: %j',
  async (options) => {
    await rig.stop();
    rig = new Rig(options);
    const directory = path.join(rig.root, 'marks');
    fs.mkdirSync(directory);
    const members = await rig.startMembers(4);
    const rounds = 120;
    const all = members.map((member) =>
      member.ask({ do: 'rounds', barrier: 'round', parties: members.length, rounds, directory }),
    );
    const answers = await Promise.all(all);
    expect(answers.map((answer) => (answer.is === 'met often' ? answer.wrong : answer))).toEqual(members.map(() => []));
    const indices = answers.map((answer) => (answer.is === 'met often' ? answer.indices : []));
    for (let round = 0; round < rounds; round++) {
      expect(indices.map((all) => all[round]).sort()).toEqual([0, 1, 2, 3]);
    }
  },
);

test('the index is the order of arrival', async () => {
  const members = await rig.startMembers(3);
  const waits = await come(members.slice(0, 2));
  const last = members[2]?.ask({ do: 'meet', ...spec });
  expect(await Promise.all([...waits, last])).toEqual([0, 1, 2].map((index) => ({ is: 'met', index })));
});

test('a party that is killed while it waits breaks it for the others within a second', async () => {
  const [first, doomed] = await rig.startMembers(2);
  const [waited] = await come([first as Member, doomed as Member]);
  const from = performance.now();
  void doomed?.kill('SIGKILL');
  expect(await waited).toMatchObject({ ...broken, message: expect.stringContaining('a party was taken out') });
  expect(performance.now() - from).toBeLessThan(1_000);
  // It stays so, for who comes too, until it is reset.
  const late = await rig.startMember();
  expect(await late.ask({ do: 'meet', ...spec })).toMatchObject(broken);
  await late.ask({ do: 'reset', ...spec });
  expect((await meeting([first as Member, late, await rig.startMember()])).sort()).toEqual([0, 1, 2]);
});

test('a killed party that came first, or in the middle, or last, breaks it', async () => {
  for (const at of [0, 1, 2]) {
    const wide = { barrier: `of four, ${at}`, parties: 4 };
    const members = await rig.startMembers(3);
    const waits = await come(members, wide);
    await members[at]?.kill('SIGKILL');
    for (const [place, wait] of waits.entries()) if (place !== at) expect(await wait).toMatchObject(broken);
  }
});

test('a party that finds a dead one as it comes learns that it is broken, not that all are here', async () => {
  const [stopped, doomed, finder] = (await rig.startMembers(3)) as [Member, Member, Member];
  const wide = { barrier: 'of four', parties: 4 };
  // Alive, so what is found is no leftover; stopped, so it finds nothing itself.
  const [waited] = await come([stopped], wide);
  process.kill(stopped.pid, 'SIGSTOP');
  await come([doomed], wide);
  await doomed.kill('SIGKILL');
  expect(await finder.ask({ do: 'meet', ...wide })).toMatchObject(broken);
  process.kill(stopped.pid, 'SIGCONT');
  expect(await waited).toMatchObject(broken);
});

test('a stopped party is not dead: the others meet it', async () => {
  const [stopped, second, third] = (await rig.startMembers(3)) as [Member, Member, Member];
  const [waited] = await come([stopped]);
  process.kill(stopped.pid, 'SIGSTOP');
  // Each looks at those who wait as it comes.
  const [secondWaited] = await come([second]);
  expect(await barrier().broken()).toBe(false);
  expect(await third.ask({ do: 'meet', ...spec })).toEqual({ is: 'met', index: 2 });
  expect(await secondWaited).toEqual({ is: 'met', index: 1 });
  process.kill(stopped.pid, 'SIGCONT');
  expect(await waited).toEqual({ is: 'met', index: 0 });
});

test('the last to come wakes the others: they need not look by themselves', async () => {
  const [sleeper, second, third] = (await rig.startMembers(3)) as [Member, Member, Member];
  const [waited] = await come([sleeper]);
  // Stopped: nobody but those who wake it touches its file.
  process.kill(sleeper.pid, 'SIGSTOP');
  const file = path.join(rig.directory, 'sessions', rig.sessionFiles(sleeper.pid)[0] ?? '');
  const { mtimeNs: before } = fs.statSync(file, { bigint: true });
  await meeting([second, third]);
  expect(fs.statSync(file, { bigint: true }).mtimeNs).toBeGreaterThan(before);
  process.kill(sleeper.pid, 'SIGCONT');
  expect(await waited).toEqual({ is: 'met', index: 0 });
});

test('one that was let in and killed before it knew breaks nothing', async () => {
  const [doomed, second, third] = (await rig.startMembers(3)) as [Member, Member, Member];
  await come([doomed]);
  process.kill(doomed.pid, 'SIGSTOP');
  const waited = second.ask({ do: 'meet', ...spec });
  await rig.inLine(spec.barrier, 2);
  expect(await third.ask({ do: 'meet', ...spec })).toEqual({ is: 'met', index: 2 });
  expect(await waited).toEqual({ is: 'met', index: 1 });
  await doomed.kill('SIGKILL');
  expect((await meeting([second, third, await rig.startMember()])).sort()).toEqual([0, 1, 2]);
});

test('parties of an earlier run, all killed, neither count nor break it for the next run', async () => {
  const earlier = await rig.startMembers(2);
  await come(earlier);
  // Stopped first: the last of them to live would break it.
  for (const { pid } of earlier) process.kill(pid, 'SIGSTOP');
  await Promise.all(earlier.map((member) => member.kill('SIGKILL')));
  expect((await barrier().inspect()).entries).toHaveLength(2);
  const next = await rig.startMembers(3);
  // Were they counted, the first of the next run would be let in alone.
  const first = next[0]?.ask({ do: 'meet', ...spec });
  await rig.inLine(spec.barrier, 1);
  const rest = await meeting(next.slice(1));
  expect(await first).toEqual({ is: 'met', index: 0 });
  expect(rest.sort()).toEqual([1, 2]);
});

test('a process that never waited can break it, and reset it', async () => {
  const [first, second, outsider] = (await rig.startMembers(3)) as [Member, Member, Member];
  const waits = await come([first, second]);
  await outsider.ask({ do: 'abort', ...spec });
  for (const wait of waits)
    expect(await wait).toMatchObject({ ...broken, message: expect.stringContaining('aborted') });
  expect(await first.ask({ do: 'meet', ...spec })).toMatchObject(broken);
  // Also when the one who did it is gone.
  await outsider.kill('SIGKILL');
  expect(await second.ask({ do: 'meet', ...spec })).toMatchObject(broken);
  await second.ask({ do: 'reset', ...spec });
  expect((await meeting([first, second, await rig.startMember()])).sort()).toEqual([0, 1, 2]);
});

test('a reset sends away who waits, and does not break it', async () => {
  const [first, second, outsider] = (await rig.startMembers(3)) as [Member, Member, Member];
  const waits = await come([first, second]);
  await outsider.ask({ do: 'reset', ...spec });
  for (const wait of waits) expect(await wait).toMatchObject({ ...broken, message: expect.stringContaining('reset') });
  expect((await meeting([first, second, outsider])).sort()).toEqual([0, 1, 2]);
});

test('one whose time is over breaks it for the others, and its error is distinguished from theirs', async () => {
  const [patient, hasty] = (await rig.startMembers(2)) as [Member, Member];
  const [waited] = await come([patient]);
  expect(await hasty.ask({ do: 'meet', ...spec, timeout: 30 })).toMatchObject({
    ...broken,
    message: expect.stringContaining('not all parties came within 30 ms'),
  });
  expect(await waited).toMatchObject({ ...broken, message: expect.stringContaining('gave up waiting') });
  await until('nobody is in line', async () => (await barrier().waiting()) === 0);
});
