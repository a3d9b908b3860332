import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileFacts, Host, ProcessFacts } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { KeepaliveWatch } from '../../lib/session/keepalive-watch.ts';

/** In memory, if it can be: there are thousands of looks. */
const BASE = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
const PATIENCE_MS = 30_000;
/** A gap between two looks counts for at most this. */
const MOST_MS = PATIENCE_MS / 10;
const SELF: ProcessFacts = { pid: 10, tid: 10, start: 5, boot: 'boot-1', namespace: 1, host: 'web1', time: 1 };
const OWNER = { key: 'key', facts: { ...SELF, pid: 20, tid: 20, boot: 'boot-2', host: 'web2' }, relieved: false };

/** The file server, and the machine that looks, for each test to set. */
let server: { nowMs: number; refreshedAt: number | null };
let machine: { uptimeMs: number; wallMs: number; self: ProcessFacts };
/** By a call's name: an action that replaces it, or precedes it. */
let faults: Partial<Record<'create' | 'facts' | 'openForAppend' | 'write' | 'rename', () => void>>;
let directory: string;

beforeEach(() => {
  server = { nowMs: 1_000_000, refreshedAt: 7 };
  machine = { uptimeMs: 1_000, wallMs: 5_000_000, self: SELF };
  faults = {};
  directory = fs.mkdtempSync(path.join(BASE, 'lockstep-seen-'));
});

afterEach(() => fs.rmSync(directory, { recursive: true }));

function faulty<K extends keyof typeof faults>(kind: K): Host['files'][K] {
  const call = nodeHost.files[kind] as (...args: unknown[]) => unknown;
  return ((...args: unknown[]) => {
    faults[kind]?.();
    return call(...args);
  }) as Host['files'][K];
}

const host: Host = {
  files: {
    ...nodeHost.files,
    ...{ create: faulty('create'), openForAppend: faulty('openForAppend') },
    ...{ write: faulty('write'), rename: faulty('rename') },
    facts(fd) {
      faults.facts?.();
      return { ...nodeHost.files.facts(fd), modifiedMs: server.nowMs };
    },
    look(file) {
      expect(file).toBe(path.join(directory, '20-key.lock'));
      return server.refreshedAt === null ? null : ({ modifiedMs: server.refreshedAt } as FileFacts);
    },
  },
  processes: {
    ...nodeHost.processes,
    self: () => machine.self,
    bootedAt: () => machine.wallMs - machine.uptimeMs,
  },
  clock: {
    ...nodeHost.clock,
    wallMicros: () => machine.wallMs * 1000,
    monotonicMs: () => machine.uptimeMs,
  },
};

function watcher(seenMode: number | null = 0o600): KeepaliveWatch {
  return new KeepaliveWatch({ host, directory, patienceMs: PATIENCE_MS, seenMode });
}

function pass(ms: number): void {
  server.nowMs += ms;
  machine.uptimeMs += ms;
  machine.wallMs += ms;
}

/** A process that looks once, and exits. */
function lookOnce(): string | null {
  return watcher().whyDead(OWNER);
}

/** How many processes look once, with so much time between them, until one finds the session dead. */
function looksUntilDead(gapMs: number): number {
  for (let looks = 1; looks < 100; looks++) {
    if (lookOnce() !== null) return looks;
    pass(gapMs);
  }
  throw new Error('it is never found dead');
}

const names = () => fs.readdirSync(directory);
const seenFile = () => path.join(directory, '20-key.seen');

describe('processes that look once, one after the other', () => {
  test('find the session dead when together they saw its keepalive stand still for all their patience, and not before', () => {
    expect(looksUntilDead(1_000)).toBe(1 + PATIENCE_MS / 1_000);
    expect(lookOnce()).toContain('keepalive stood still for 30 s');
    expect(names()).toEqual(['20-key.seen']);
    expect(fs.statSync(seenFile()).mode & 0o777).toBe(0o600);
  });

  test('count a gap between two of them for at most a tenth of their patience', () => {
    expect(looksUntilDead(3_600_000)).toBe(1 + PATIENCE_MS / MOST_MS);
  });

  test('count no time by which only the server’s clock went on', () => {
    for (let looks = 0; looks < 20; looks++, pass(100)) {
      expect(lookOnce()).toBeNull();
      server.nowMs += 3_600_000;
    }
  });

  test('begin anew when the keepalive was refreshed', () => {
    for (let looks = 0; looks < 10; looks++, pass(MOST_MS)) expect(lookOnce()).toBeNull();
    server.refreshedAt = 8;
    expect(looksUntilDead(MOST_MS)).toBe(11);
  });

  test('begin anew when the keepalive is refreshed just as they look', () => {
    for (let looks = 0; looks < 10; looks++, pass(MOST_MS)) expect(lookOnce()).toBeNull();
    faults.create = () => {
      server.refreshedAt = 8;
    };
    expect(lookOnce()).toBeNull();
    expect(names()).toEqual(['20-key.seen']);
  });

  test('find no session dead that has no keepalive', () => {
    looksUntilDead(MOST_MS);
    server.refreshedAt = null;
    expect(lookOnce()).toBeNull();
  });

  test('are no more patient for one that watches for long, and writes down what it sees', () => {
    const waiter = watcher();
    for (let at = 0; at < PATIENCE_MS / 2; at += 250, pass(250)) expect(waiter.whyDead(OWNER)).toBeNull();
    expect(looksUntilDead(1_000)).toBeLessThanOrEqual(1 + PATIENCE_MS / 2_000 + 2);
  });

  test('on another machine, whose uptime is another, take the server’s time alone', () => {
    for (let looks = 0; looks < 10; looks++, pass(MOST_MS)) {
      machine.self = { ...SELF, boot: `boot-${looks % 2}` };
      machine.uptimeMs = looks * 7;
      expect(lookOnce()).toBeNull();
    }
    expect(lookOnce()).not.toBeNull();
  });
});

describe('never is a session found dead before its keepalive stood still for all the patience', () => {
  /** How much time has really passed since the last refresh. */
  let still: number;
  const pause = (ms: number) => {
    pass(ms);
    still += ms;
  };
  const event = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 8_000 }) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('once' as const), ms: fc.constant(0) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('waiter' as const), ms: fc.integer({ min: 0, max: 1 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('once while another looks' as const),
        ms: fc.integer({ min: 0, max: 8_000 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('refresh' as const), ms: fc.constant(0) }) },
    ...(['server', 'wall'] as const).map((clock) => ({
      weight: 1,
      arbitrary: fc.record({ do: fc.constant(clock), ms: fc.integer({ min: -10_000, max: 90_000 }) }),
    })),
  );

  test('though clocks jump, processes are paused, and several look at once', () => {
    let deaths = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 60, maxLength: 120 }), (events) => {
        fs.rmSync(seenFile(), { force: true });
        still = 0;
        const waiters = [watcher(), watcher()];
        const judged = (why: string | null) => {
          if (why !== null) deaths += 1;
          if (why !== null) expect(still).toBeGreaterThanOrEqual(PATIENCE_MS);
        };
        for (const { do: what, ms } of events) {
          if (what === 'pass') pause(ms);
          if (what === 'server') server.nowMs += ms;
          if (what === 'wall') machine.wallMs += ms;
          if (what === 'refresh') {
            server.refreshedAt = (server.refreshedAt ?? 0) + 1;
            still = 0;
          }
          if (what === 'waiter') judged(waiters[ms]?.whyDead(OWNER) ?? null);
          if (what === 'once') judged(lookOnce());
          if (what === 'once while another looks') {
            // Paused between the making of its record and the moment at which that gets its name.
            faults.rename = () => {
              faults = {};
              pause(ms);
              judged(lookOnce());
            };
            const before = still;
            const why = lookOnce();
            faults = {};
            if (why !== null) expect(before).toBeGreaterThanOrEqual(PATIENCE_MS);
          }
        }
      }),
      { numRuns: process.env.LOCKSTEP_FUZZ === undefined ? 100 : 1_000 },
    );
    expect(deaths).toBeGreaterThan(0);
    expect(names()).toEqual(expect.not.arrayContaining([expect.stringMatching(/^\.seen/)]));
  });

  const record = (...changed: Array<[at: number, value: unknown]>) => {
    const wire: unknown[] = [7, 5_000, 900_000, 999_000, 'boot-1 1', 0];
    for (const [at, value] of changed) wire[at] = value;
    return JSON.stringify(wire);
  };

  test.each([
    ['empty', ''],
    ['torn', record([1, 29_999]).slice(0, -3)],
    ['no JSON', '\0\0\0'],
    ['no array', '{"0":7}'],
    ['null', 'null'],
    ['another keepalive’s', record([0, 6], [1, 29_999])],
    ['longer than it was watched', record([1, 99_001])],
    ['infinite', record([1, 29_999]).replace('29999', '1e999')],
    ['less than nothing', record([1, -5])],
    ['of no number', record([1, '29999'])],
    ['of the future: the server’s clock was set back', record([1, 29_999], [3, 1_000_001])],
    ['without a machine', record([1, 29_999], [4, null])],
  ])('by a record that is %s: it counts for nothing', (_, text) => {
    fs.writeFileSync(seenFile(), text);
    expect(looksUntilDead(MOST_MS)).toBe(11);
  });

  test('and a record that is sound counts: the test would see it', () => {
    fs.writeFileSync(seenFile(), record([1, 29_000]));
    expect(looksUntilDead(MOST_MS)).toBeLessThan(4);
  });

  test.each([
    ['a directory', () => fs.mkdirSync(seenFile())],
    ['a link to another file', () => fs.symlinkSync('other', seenFile())],
  ])('by %s in the record’s place, which leads to no change elsewhere', (_, put) => {
    fs.writeFileSync(path.join(directory, 'other'), record([1, 29_999]));
    put();
    expect(lookOnce()).toBeNull();
    expect(fs.readFileSync(path.join(directory, 'other'), 'utf8')).toBe(record([1, 29_999]));
    expect(names().filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

test.each(['create', 'facts', 'openForAppend', 'write', 'rename'] as const)(
  'where a record cannot be written (%s fails) a watcher relies on what it saw itself, and leaves nothing',
  (kind) => {
    faults[kind] = () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    const before = fs.readdirSync('/dev/fd').length;
    const waiter = watcher();
    for (let at = 0; at < PATIENCE_MS; at += 1_000, pass(1_000)) expect(waiter.whyDead(OWNER)).toBeNull();
    expect(waiter.whyDead(OWNER)).not.toBeNull();
    expect(names()).toEqual([]);
    expect(fs.readdirSync('/dev/fd').length).toBe(before);
  },
);

test('a caller that only looks neither writes a record nor goes by one', () => {
  looksUntilDead(MOST_MS);
  const before = fs.readFileSync(seenFile(), 'utf8');
  pass(MOST_MS);
  expect(watcher(null).whyDead(OWNER)).toBeNull();
  expect(fs.readFileSync(seenFile(), 'utf8')).toBe(before);
});
