import { beforeEach, describe, expect, test } from 'vitest';
import type { FileFacts, Host, ProcessFacts, ProcessState } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { Grip } from '../../lib/session/lifeline.ts';
import { Judge } from '../../lib/session/liveness.ts';

const SELF: ProcessFacts = { pid: 10, tid: 10, start: 500, boot: 'boot-1', namespace: 1, host: 'web1', time: 1 };
const NEIGHBOUR: ProcessFacts = { ...SELF, pid: 20, tid: 20, start: 700 };
const PATIENCE_MS = 30_000;
/** When this kernel was booted. The facts of a session that lived a day before are of an earlier one. */
const BOOTED_AT = Date.UTC(2026, 0, 2);
const SINCE = BOOTED_AT * 1000 + 1;
const DAY = 86_400_000;

/** What the stubbed machine says, for each test to set. */
let world: {
  state: ProcessState;
  beat: number | null;
  now: number;
  asked: Array<[pid: number, tid: number]>;
  self: ProcessFacts;
  /** Of the session's own lifeline, and of a command's. */
  life: Grip;
  command: Grip;
  bootedAt: number | null;
};

beforeEach(() => {
  world = {
    ...{ state: { start: 700, zombie: false }, beat: null, now: 0, asked: [], self: SELF },
    ...{ life: 'unknown', command: 'unknown', bootedAt: BOOTED_AT },
  };
});

const host: Host = {
  ...nodeHost,
  processes: {
    ...nodeHost.processes,
    self: () => world.self,
    bootedAt: () => world.bootedAt,
    state: (pid, tid) => {
      world.asked.push([pid, tid]);
      return world.state;
    },
  },
  files: {
    ...nodeHost.files,
    hasReader: (path) => {
      expect(path).toMatch(/^\/store\/sessions\/\d+-key\.(life|command)$/);
      const grip = path.endsWith('.life') ? world.life : world.command;
      return grip === 'unknown' ? null : grip === 'held';
    },
    look: (path) => {
      expect(path).toMatch(/^\/store\/sessions\/\d+-key\.lock$/);
      return world.beat === null ? null : ({ modifiedMs: world.beat } as FileFacts);
    },
  },
  clock: { ...nodeHost.clock, monotonicMs: () => world.now },
};

function judge(local = true): Judge {
  return new Judge({ host, directory: '/store/sessions', local, patienceMs: PATIENCE_MS, seenMode: null });
}

function whyDead(facts: ProcessFacts, by = judge(), since = SINCE): string | null {
  return by.whyDead({ key: 'key', facts, relieved: false }, since);
}

describe('a neighbour: same boot, same pid namespace', () => {
  test('is alive while the kernel shows it as it was', () => {
    expect(whyDead(NEIGHBOUR)).toBeNull();
  });

  test('is dead once the kernel knows no such process', () => {
    world.state = 'gone';
    expect(whyDead(NEIGHBOUR)).toContain('gone');
  });

  test('is dead if its pid is another process’s now', () => {
    world.state = { start: 701, zombie: false };
    expect(whyDead(NEIGHBOUR)).toContain('reused');
  });

  test('is dead as a zombie', () => {
    world.state = { start: 700, zombie: true };
    expect(whyDead(NEIGHBOUR)).toContain('zombie');
  });

  test('is alive while the kernel will not say', () => {
    world.state = 'unknown';
    expect(whyDead(NEIGHBOUR)).toBeNull();
  });

  test('is alive if either start time is not known', () => {
    world.state = { start: 0, zombie: false };
    expect(whyDead(NEIGHBOUR)).toBeNull();
    world.state = { start: 701, zombie: false };
    expect(whyDead({ ...NEIGHBOUR, start: 0 })).toBeNull();
  });

  test('is alive if its start time differs by another time namespace’s clock', () => {
    world.state = { start: 701, zombie: false };
    expect(whyDead({ ...NEIGHBOUR, time: 2 })).toBeNull();
    const { time: _, ...facts } = NEIGHBOUR;
    expect(whyDead(facts)).toBeNull();
    world.life = 'free';
    expect(whyDead({ ...NEIGHBOUR, time: 2 })).toContain('gone');
  });

  test('is asked after by its thread', () => {
    whyDead({ ...NEIGHBOUR, tid: 21 });
    expect(world.asked).toEqual([[20, 21]]);
  });

  test('is alive though its lifeline is free: it may have closed it', () => {
    world.life = 'free';
    expect(whyDead(NEIGHBOUR)).toBeNull();
  });

  test.each<[string, ProcessState]>([
    ['gone', 'gone'],
    ['reused', { start: 701, zombie: false }],
    ['a zombie', { start: 700, zombie: true }],
  ])('whose pid is %s is dead only if its lifeline, where it has one, is free', (_, state) => {
    world.state = state;
    world.life = 'held';
    expect(whyDead(NEIGHBOUR)).toBeNull();
    world.life = 'free';
    expect(whyDead(NEIGHBOUR)).not.toBeNull();
  });

  test('that was a command is dead with its pid, though what it left behind holds its lifeline', () => {
    world.state = 'gone';
    world.command = 'held';
    expect(whyDead(NEIGHBOUR)).toContain('gone');
  });

  test('is never judged by a keepalive', () => {
    world.beat = 1;
    const watcher = judge();
    for (world.now = 0; world.now < 10 * PATIENCE_MS; world.now += 1_000) {
      expect(whyDead(NEIGHBOUR, watcher)).toBeNull();
    }
  });
});

describe('without a lifeline, another boot', () => {
  const before = { ...NEIGHBOUR, boot: 'boot-0', host: 'web0' };
  const dayBefore = (BOOTED_AT - DAY) * 1000;

  test('that ended before this kernel was booted, on a file system that no other kernel can have: dead', () => {
    expect(whyDead(before, judge(), dayBefore)).toContain('rebooted');
  });

  test('on a file system that may be shared: alive', () => {
    expect(whyDead(before, judge(false), dayBefore)).toBeNull();
  });

  test('of a session that lived since this kernel’s boot: alive. A container may be shown an id of its own', () => {
    expect(whyDead(before)).toBeNull();
    expect(whyDead(before, judge(), (BOOTED_AT - 30_000) * 1000)).toBeNull();
  });

  test('whose lifeline is held all the same: alive, whatever the clocks were', () => {
    world.life = 'held';
    expect(whyDead(before, judge(), dayBefore)).toBeNull();
    world.life = 'unknown';
    world.command = 'held';
    expect(whyDead(before, judge(), dayBefore)).toBeNull();
  });

  test('unknown, or where the kernel does not say when it was booted: alive', () => {
    expect(whyDead({ ...before, boot: '' }, judge(), dayBefore)).toBeNull();
    world.bootedAt = null;
    expect(whyDead(before, judge(), dayBefore)).toBeNull();
  });

  test('never has the pid asked after: it would be another process’s', () => {
    whyDead(before);
    expect(world.asked).toEqual([]);
  });
});

describe.each([
  ['in another pid namespace', { ...NEIGHBOUR, namespace: 2 }, SELF],
  ['that is shown another boot id', { ...NEIGHBOUR, boot: 'boot-9' }, SELF],
  ['whose namespace is not known', { ...NEIGHBOUR, namespace: 0 }, SELF],
  ['seen from where there is no /proc', NEIGHBOUR, { ...SELF, start: 0, boot: '', namespace: 0, time: 0 }],
  ['both without /proc', { ...NEIGHBOUR, start: 0, boot: '', namespace: 0 }, { ...SELF, boot: '', namespace: 0 }],
])('a process %s', (_, facts, self) => {
  beforeEach(() => {
    world.self = self;
    world.state = 'gone';
  });

  test('is alive while its lifeline is held, and dead once that is free; its pid is not asked after', () => {
    world.life = 'held';
    expect(whyDead(facts)).toBeNull();
    world.life = 'free';
    expect(whyDead(facts)).toContain('gone');
    expect(world.asked).toEqual([]);
  });

  test('that was a command is alive while whatever it left behind holds its lifeline', () => {
    world.command = 'held';
    expect(whyDead(facts)).toBeNull();
    world.command = 'free';
    expect(whyDead(facts)).toContain('gone');
  });

  test('is alive where there is no lifeline, or none that can be asked', () => {
    expect(whyDead(facts)).toBeNull();
  });

  test('is alive though its lifeline is free, on a file system that another kernel may have', () => {
    world.life = 'free';
    const isOfThisKernel = facts.boot !== '' && facts.boot === self.boot;
    expect(whyDead(facts, judge(false)) !== null).toBe(isOfThisKernel);
  });
});

describe.each([
  ['another pid namespace, without a lifeline', { ...NEIGHBOUR, namespace: 2 }],
  ['another host', { ...NEIGHBOUR, boot: 'boot-9', host: 'web2' }],
  ['a host without a boot id', { ...NEIGHBOUR, boot: '', host: 'web2' }],
])('a process on %s', (_, facts) => {
  test('without a keepalive is alive for ever, and its pid is not asked after', () => {
    const watcher = judge();
    for (world.now = 0; world.now < 20 * PATIENCE_MS; world.now += 1_000) {
      expect(whyDead(facts, watcher)).toBeNull();
    }
    expect(world.asked).toEqual([]);
  });

  test('is alive at first sight, however old its keepalive is', () => {
    world.beat = 1;
    world.now = 100 * PATIENCE_MS;
    expect(whyDead(facts)).toBeNull();
  });

  test('is dead when its keepalive was seen standing still for all our patience, and not before', () => {
    world.beat = 1;
    const watcher = judge();
    for (world.now = 0; world.now < PATIENCE_MS; world.now += 1_000) expect(whyDead(facts, watcher)).toBeNull();
    expect(whyDead(facts, watcher)).toContain('keepalive stood still for 30 s');
  });

  test('is alive while its keepalive is refreshed, also backward in time', () => {
    const watcher = judge();
    for (world.now = 0; world.now < 10 * PATIENCE_MS; world.now += 5_000) {
      world.beat = 1e12 - world.now;
      expect(whyDead(facts, watcher)).toBeNull();
    }
  });

  test('a refresh starts our patience anew', () => {
    const watcher = judge();
    world.beat = 1;
    for (world.now = 0; world.now < PATIENCE_MS; world.now += 1_000) whyDead(facts, watcher);
    world.beat = 2;
    const until = world.now + PATIENCE_MS;
    for (; world.now < until; world.now += 1_000) expect(whyDead(facts, watcher)).toBeNull();
    expect(whyDead(facts, watcher)).not.toBeNull();
  });

  test('is not dead because we were paused', () => {
    world.beat = 1;
    const watcher = judge();
    whyDead(facts, watcher);
    world.now += 100 * PATIENCE_MS;
    expect(whyDead(facts, watcher)).toBeNull();
  });

  test('is alive again in our eyes once its keepalive is taken away', () => {
    world.beat = 1;
    const watcher = judge();
    for (world.now = 0; world.now <= PATIENCE_MS; world.now += 1_000) whyDead(facts, watcher);
    world.beat = null;
    expect(whyDead(facts, watcher)).toBeNull();
  });
});

test('each of a whole line of foreign sessions is dead once its keepalive stood still, though all of them are looked at in turn', () => {
  const facts = { ...NEIGHBOUR, boot: 'boot-9', host: 'web2' };
  const files = { ...host.files, look: () => ({ modifiedMs: 1 }) as FileFacts, hasReader: () => null };
  const options = {
    ...{ host: { ...host, files }, directory: '/store/sessions', local: false, patienceMs: PATIENCE_MS },
    seenMode: null,
  };
  const watcher = new Judge(options);
  const keys = Array.from({ length: 1_100 }, (_, number) => `key${number}`);
  const verdicts = () => keys.map((key) => watcher.whyDead({ key, facts, relieved: false }, SINCE));
  for (world.now = 0; world.now < PATIENCE_MS; world.now += 3_000)
    expect(verdicts().every((verdict) => verdict === null)).toBe(true);
  expect(verdicts().every((verdict) => verdict?.includes('stood still'))).toBe(true);
});

test('another user’s process is alive: EPERM is no sign of death', () => {
  const { kill } = process;
  process.kill = () => {
    throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
  };
  try {
    expect(nodeHost.processes.state(process.pid, process.pid)).not.toBe('gone');
    expect(nodeHost.processes.state(2 ** 22 + 1, 2 ** 22 + 1)).toBe('unknown');
  } finally {
    process.kill = kill;
  }
});

test('the real machine knows this process, and knows that a pid beyond the limit is gone', () => {
  const self = nodeHost.processes.self();
  expect(nodeHost.processes.state(self.pid, self.tid)).toEqual({ start: self.start, zombie: false, stopped: false });
  expect(nodeHost.processes.state(2 ** 22 + 1, 2 ** 22 + 1)).toBe('gone');
});
