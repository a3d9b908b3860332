import { beforeEach, describe, expect, test } from 'vitest';
import type { FileFacts, Host, ProcessFacts, ProcessState } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Judge } from '../../lib/session/liveness.ts';

const SELF: ProcessFacts = { pid: 10, tid: 10, start: 500, boot: 'boot-1', namespace: 1, host: 'web1' };
const NEIGHBOUR: ProcessFacts = { ...SELF, pid: 20, tid: 20, start: 700 };
const PATIENCE_MS = 30_000;

/** What the stubbed machine says, for each test to set. */
let world: { state: ProcessState; beat: number | null; now: number; asked: Array<[pid: number, tid: number]> };

beforeEach(() => {
  world = { state: { start: 700, zombie: false }, beat: null, now: 0, asked: [] };
});

const host: Host = {
  ...nodeHost,
  processes: {
    ...nodeHost.processes,
    self: () => SELF,
    state: (pid, tid) => {
      world.asked.push([pid, tid]);
      return world.state;
    },
  },
  files: {
    ...nodeHost.files,
    look: (path) => {
      expect(path).toMatch(/^\/store\/sessions\/\d+-key\.lock$/);
      return world.beat === null ? null : ({ modifiedMs: world.beat } as FileFacts);
    },
  },
  clock: { ...nodeHost.clock, monotonicMs: () => world.now },
};

function judge(local = true): Judge {
  return new Judge({ host, directory: '/store/sessions', local, patienceMs: PATIENCE_MS });
}

function whyDead(facts: ProcessFacts, by = judge()): string | null {
  return by.whyDead({ key: 'key', facts, relieved: false });
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

  test('is asked after by its thread', () => {
    whyDead({ ...NEIGHBOUR, tid: 21 });
    expect(world.asked).toEqual([[20, 21]]);
  });

  test('is never judged by a heartbeat', () => {
    world.beat = 1;
    const watcher = judge();
    for (world.now = 0; world.now < 10 * PATIENCE_MS; world.now += 1_000) {
      expect(whyDead(NEIGHBOUR, watcher)).toBeNull();
    }
  });
});

describe('another boot', () => {
  const before = { ...NEIGHBOUR, boot: 'boot-0' };

  test('of this host, on a file system that no other kernel can have: dead', () => {
    expect(whyDead(before)).toContain('rebooted');
  });

  test('of this host, on a file system that may be shared: alive', () => {
    expect(whyDead(before, judge(false))).toBeNull();
  });

  test('of another host: alive', () => {
    expect(whyDead({ ...before, host: 'web2' })).toBeNull();
  });

  test('unknown: alive', () => {
    expect(whyDead({ ...before, boot: '' })).toBeNull();
  });

  test('never has the pid asked after: it would be about somebody else', () => {
    whyDead(before);
    expect(world.asked).toEqual([]);
  });
});

describe.each([
  ['another pid namespace', { ...NEIGHBOUR, namespace: 2 }],
  ['another host', { ...NEIGHBOUR, boot: 'boot-9', host: 'web2' }],
  ['a host that tells no boot id', { ...NEIGHBOUR, boot: '', host: 'web2' }],
])('a process on %s', (_, facts) => {
  test('without a heartbeat is alive for ever, and its pid is not asked after', () => {
    const watcher = judge();
    for (world.now = 0; world.now < 20 * PATIENCE_MS; world.now += 1_000) {
      expect(whyDead(facts, watcher)).toBeNull();
    }
    expect(world.asked).toEqual([]);
  });

  test('is alive at first sight, however old its heartbeat is', () => {
    world.beat = 1;
    world.now = 100 * PATIENCE_MS;
    expect(whyDead(facts)).toBeNull();
  });

  test('is dead when its heartbeat was watched standing still for all our patience, and not before', () => {
    world.beat = 1;
    const watcher = judge();
    for (world.now = 0; world.now < PATIENCE_MS; world.now += 1_000) expect(whyDead(facts, watcher)).toBeNull();
    expect(whyDead(facts, watcher)).toContain('keepalive stood still for 30 s');
  });

  test('is alive while its heart beats, also backward in time', () => {
    const watcher = judge();
    for (world.now = 0; world.now < 10 * PATIENCE_MS; world.now += 5_000) {
      world.beat = 1e12 - world.now;
      expect(whyDead(facts, watcher)).toBeNull();
    }
  });

  test('one beat starts our patience anew', () => {
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

  test('is alive again in our eyes once its heartbeat is taken away', () => {
    world.beat = 1;
    const watcher = judge();
    for (world.now = 0; world.now <= PATIENCE_MS; world.now += 1_000) whyDead(facts, watcher);
    world.beat = null;
    expect(whyDead(facts, watcher)).toBeNull();
  });
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
