import fs from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { findCompanionDirectory } from '../../lib/disk/companion-directory.ts';
import { Beat, type BeatOptions } from '../../lib/heartbeat/heartbeat.ts';
import { Monitor, type ReporterStatus } from '../../lib/heartbeat/monitor.ts';
import { endShared } from '../../lib/heartbeat/shared-report.ts';
import type { Host, ProcessFacts } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { MemoryRecords } from '../support/memory-records.ts';
import { temporaryDirectory } from '../support/tape.ts';

const EVERY_MS = 1_000;
const START_MS = 1_800_000_000_000;

/** The time of all machines; timers fire when it is moved. */
let nowMs: number;
let timers: Array<{ at: number; callback: () => void }>;
let records: MemoryRecords;
let beats: Beat[];

beforeEach(() => {
  nowMs = 0;
  timers = [];
  records = new MemoryRecords();
  beats = [];
  return () => {
    for (const beat of beats) beat.abandon();
  };
});

interface Machine {
  host: Host;
  directory: ReturnType<typeof findCompanionDirectory>;
  facts: ProcessFacts;
}

function machine(name: string, skewMs = 0): Machine {
  const facts = { ...nodeHost.processes.self(), boot: `boot of ${name}`, host: name };
  const host: Host = {
    ...nodeHost,
    processes: { ...nodeHost.processes, self: () => facts, atExit: () => undefined },
    clock: {
      ...nodeHost.clock,
      wallMicros: () => (START_MS + nowMs + skewMs) * 1_000,
      monotonicMs: () => nowMs,
      timer: (ms, _, callback) => {
        const timer = { at: nowMs + ms, callback };
        timers.push(timer);
        return () => {
          timers = timers.filter((one) => one !== timer);
        };
      },
    },
  };
  return { host, facts, directory: findCompanionDirectory(host, `${temporaryDirectory()}/store`, 'shop') };
}

/** Lets what was put arrive. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function pass(ms: number): Promise<void> {
  for (const until = nowMs + ms; nowMs < until; ) {
    nowMs += Math.min(50, until - nowMs);
    const due = timers.filter(({ at }) => at <= nowMs);
    timers = timers.filter(({ at }) => at > nowMs);
    for (const { callback } of due) callback();
    await settle();
  }
}

async function report(at: Machine, changes: Partial<BeatOptions> = {}): Promise<Beat> {
  const { host, directory, facts } = at;
  const beat = new Beat({ host, directory, records, name: 'packer', everyMs: EVERY_MS, facts, label: '', ...changes });
  beats.push(beat);
  await settle();
  return beat;
}

function monitorOn({ host, directory }: Machine): { look: () => Promise<ReporterStatus[]>; monitor: Monitor } {
  const monitor = new Monitor({ host, directory, records, names: [] });
  return {
    monitor,
    look: async () => {
      await monitor.fetch();
      return monitor.look();
    },
  };
}

test('a reporter on one machine is seen on the other: alive, then ended with its code', async () => {
  const [one, other] = [machine('web1'), machine('web2')];
  const beat = await report(one);
  const { look } = monitorOn(other);
  expect(await look()).toMatchObject([{ name: 'packer', state: 'alive', report: { facts: { host: 'web1' } } }]);
  await pass(60_000);
  expect(await look()).toMatchObject([{ state: 'alive' }]);
  beat.stop(3);
  expect(await beat.over).toBe('ended');
  expect(await look()).toMatchObject([{ state: 'gone', reason: 'it failed with exit code 3' }]);
  expect(fs.existsSync(other.directory.path)).toBe(false);
});

test('one that falls silent is late, also for a monitor that begins later', async () => {
  const [one, other] = [machine('web1'), machine('web2')];
  const beat = await report(one);
  const { look } = monitorOn(other);
  await look();
  beat.abandon();
  for (let looks = 0; looks < 8; looks++) {
    await pass(1_000);
    await look();
  }
  const late = [{ state: 'late', reason: 'it does not beat, but its process cannot be seen from here' }];
  expect(await look()).toMatchObject(late);
  expect(await monitorOn(machine('web3')).look()).toMatchObject(late);
});

test.each([
  ['ahead', 90_000],
  ['behind', -90_000],
])(
  'a reporter whose clock is %s stays alive once it was seen to beat, and becomes late when it stops',
  async (_, skewMs) => {
    const [one, other] = [machine('web1', skewMs), machine('web2')];
    const beat = await report(one);
    const { look } = monitorOn(other);
    await look();
    for (let looks = 0; looks < 4; looks++) {
      await pass(1_000);
      expect((await look())[0]?.state).toBe('alive');
    }
    beat.abandon();
    for (let looks = 0; looks < 8; looks++) {
      await pass(1_000);
      await look();
    }
    expect((await look())[0]?.state).toBe('late');
  },
);

test('of two machines that report under one name the newer counts everywhere, and the older stops', async () => {
  const [one, other] = [machine('web1'), machine('web2')];
  const older = await report(one);
  await pass(2_000);
  const newer = await report(other);
  await pass(2_000);
  expect(await older.over).toBe('replaced');
  for (const at of [one, machine('web3')]) {
    const [status] = await monitorOn(at).look();
    expect(status).toMatchObject({ state: 'alive', report: { facts: { host: 'web2' } } });
  }
  newer.stop();
});

test('a report that is stopped from another machine ends there and here', async () => {
  const [one, other] = [machine('web1'), machine('web2')];
  const beat = await report(one);
  expect(await endShared(records, other.host.clock, 'packer')).toBe(true);
  expect(await endShared(records, other.host.clock, 'packer')).toBe(true);
  expect(await endShared(records, other.host.clock, 'nobody')).toBe(false);
  for (const at of [one, other]) expect((await monitorOn(at).look())[0]?.state).toBe('ended');
  await pass(2_000);
  expect(await beat.over).toBe('ended');
});

test('a fast reporter puts its report four times a second, and not faster', async () => {
  await report(machine('web1'), { everyMs: 10 });
  const before = await records.all('beats/');
  await pass(10_000);
  const after = await records.all('beats/');
  expect((after[0]?.revision ?? 0) - (before[0]?.revision ?? 0)).toBe(40);
});

test('where no server answers the reporter goes on, says so once, and recovers', async () => {
  const [one, other] = [machine('web1'), machine('web2')];
  const failures: string[] = [];
  const beat = await report(one, { onFailure: ({ message }) => failures.push(message) });
  records.failure = new Error('no server answers');
  await pass(5_000);
  expect([failures, beat.failure?.message]).toEqual([['no server answers'], 'no server answers']);
  await expect(monitorOn(other).look()).rejects.toThrow('no server answers');
  records.failure = null;
  await pass(1_000);
  expect(beat.failure).toBeNull();
  expect((await monitorOn(other).look())[0]?.state).toBe('alive');
});

test('a put whose answer was lost is known again as our own', async () => {
  const [one, other] = [machine('web1'), machine('web2')];
  const put = records.put.bind(records);
  const beat = await report(one);
  records.put = async (...given) => {
    await put(...given);
    records.put = put;
    throw new Error('the answer was lost');
  };
  await pass(3_000);
  expect(beat.failure).toBeNull();
  const [found] = await monitorOn(other).look();
  expect(found).toMatchObject({ state: 'alive', report: { mark: null } });
});

test('the end that was marked as the process had nothing more to do is taken back by a later heartbeat', async () => {
  const [one, other] = [machine('web1'), machine('web2')];
  const beat = await report(one);
  beat.markShared(0);
  beat.markShared(0);
  await settle();
  expect((await monitorOn(other).look())[0]?.state).toBe('ended');
  await pass(1_000);
  expect((await monitorOn(other).look())[0]?.state).toBe('alive');
});

test('what is no report of its own name is left out', async () => {
  await records.put('beats/x', 'rubbish');
  await report(machine('web1'));
  const [{ text } = { text: '' }] = await records.all('beats/packer');
  await records.put('beats/..%2Fx', text);
  await records.put('beats/../x', text);
  expect((await monitorOn(machine('web2')).look()).map(({ name }) => name)).toEqual(['packer']);
});
