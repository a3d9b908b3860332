import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Monitor, type MonitorOptions, type ReporterStatus } from '../../lib/heartbeat/monitor.ts';
import { type EndMark, markText, type Report, reportText } from '../../lib/heartbeat/report-file.ts';
import { isWell, judge, patienceOf, type ReporterReading } from '../../lib/heartbeat/verdict.ts';
import type { FileFacts, Host, ProcessFacts, ProcessState } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';

const SELF: ProcessFacts = { pid: 1, tid: 1, start: 5, boot: 'boot-1', namespace: 1, host: 'web1' };
const REPORT: Report = {
  name: 'host',
  key: 'k1',
  facts: { ...SELF, pid: 10, tid: 10, start: 500 },
  everyMs: 800,
  since: 1_000,
  label: 'x',
  mark: null,
};
const PATIENCE_MS = 2_400;
const RUNNING: ReporterReading = { reading: { report: REPORT }, beatAt: 9_000, ageMs: 10, gone: null };

function marked(mark: EndMark, sight: Partial<ReporterReading> = {}): ReporterReading {
  return { ...RUNNING, ...sight, reading: { report: { ...REPORT, mark } } };
}

describe('judging', () => {
  test('who beats is alive since it began', () => {
    expect(judge(RUNNING)).toEqual({ state: 'alive', since: 1_000, reason: '' });
  });

  test('who has not beaten for longer than its patience is late since its last beat', () => {
    expect(judge({ ...RUNNING, ageMs: PATIENCE_MS }).state).toBe('alive');
    expect(judge({ ...RUNNING, ageMs: PATIENCE_MS + 1 })).toMatchObject({ state: 'late', since: 9_000 });
  });

  test('patience is three intervals, at least 1 s, or what is asked for', () => {
    expect(patienceOf(REPORT)).toBe(PATIENCE_MS);
    expect(patienceOf({ ...REPORT, everyMs: 10 })).toBe(1_000);
    expect(patienceOf(REPORT, 5)).toBe(5);
    expect(judge({ ...RUNNING, ageMs: 6 }, 5).state).toBe('late');
  });

  test('who is proved gone is gone at once, since its last beat', () => {
    expect(judge({ ...RUNNING, gone: 'its process is gone' })).toEqual({
      state: 'gone',
      since: 9_000,
      reason: 'its process is gone',
    });
  });

  test('who cannot be judged is late, never gone', () => {
    expect(judge({ ...RUNNING, ageMs: 1e12, gone: undefined })).toMatchObject({
      state: 'late',
      reason: expect.stringContaining('cannot be seen'),
    });
  });

  test('a failure is reported with its exit code, a clean end as such', () => {
    expect(judge(marked({ state: 'failed', code: 3, at: 9_500 }))).toEqual({
      state: 'gone',
      since: 9_500,
      reason: 'it failed with exit code 3',
    });
    expect(judge(marked({ state: 'ended', code: 0, at: 9_500 }))).toMatchObject({ state: 'ended', since: 9_500 });
  });

  const sights = fc.record({
    mark: fc.option(
      fc.record({ state: fc.constantFrom('ended' as const, 'failed' as const), code: fc.nat(), at: fc.nat() }),
    ),
    ageMs: fc.double({ min: 0, max: 1e15, noNaN: true }),
    gone: fc.constantFrom(null, undefined, 'its process is gone'),
    everyMs: fc.integer({ min: 10, max: 86_400_000 }),
    maxAgeMs: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined }),
  });

  test('a mark decides; then a proof of death; then the age, and nothing else', () => {
    fc.assert(
      fc.property(sights, ({ mark, ageMs, gone, everyMs, maxAgeMs }) => {
        const report = { ...REPORT, everyMs, mark };
        const { state } = judge({ reading: { report }, beatAt: 0, ageMs, gone }, maxAgeMs);
        if (mark) expect(state).toBe(mark.state === 'ended' ? 'ended' : 'gone');
        else if (typeof gone === 'string') expect(state).toBe('gone');
        else expect(state).toBe(ageMs > (maxAgeMs ?? Math.max(1_000, 3 * everyMs)) ? 'late' : 'alive');
        expect(isWell(state)).toBe(state === 'alive' || state === 'ended');
      }),
    );
  });

  test('getting older never makes anybody alive again', () => {
    fc.assert(
      fc.property(
        sights,
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        ({ mark, ageMs, gone, everyMs, maxAgeMs }, more) => {
          const at = (age: number) =>
            judge({ reading: { report: { ...REPORT, everyMs, mark } }, beatAt: 0, ageMs: age, gone }, maxAgeMs).state;
          if (at(ageMs) !== 'alive') expect(at(ageMs + more)).toBe(at(ageMs));
        },
      ),
    );
  });
});

interface StubFile {
  text: string;
  inode: number;
  modifiedMs: number;
}

describe('watching', () => {
  /** What the stubbed machine says, for each test to set. */
  let world: {
    files: Map<string, StubFile>;
    state: ProcessState;
    wallMs: number;
    monoMs: number;
    reads: number;
    onState: () => void;
  };

  beforeEach(() => {
    const alive = { start: 500, zombie: false };
    world = { files: new Map(), state: alive, wallMs: 1e12, monoMs: 0, reads: 0, onState: () => undefined };
    put(REPORT);
  });

  const host: Host = {
    ...nodeHost,
    processes: {
      ...nodeHost.processes,
      self: () => SELF,
      state: () => {
        const { state } = world;
        world.onState();
        return state;
      },
    },
    clock: { ...nodeHost.clock, monotonicMs: () => world.monoMs, wallMicros: () => world.wallMs * 1_000 },
    files: {
      ...nodeHost.files,
      list: () => [...world.files.keys()],
      look(path): FileFacts | null {
        const file = world.files.get(nameIn(path));
        if (!file) return null;
        const { text, inode, modifiedMs } = file;
        return { kind: 'file', size: text.length, mode: 0o600, uid: 0, gid: 0, device: 1, inode, modifiedMs };
      },
      readText(path) {
        world.reads += 1;
        return world.files.get(nameIn(path))?.text ?? null;
      },
    },
  };

  function nameIn(path: string): string {
    expect(path).toMatch(/^\/store\/beats\/[^/]+$/);
    return path.slice('/store/beats/'.length);
  }

  function put(report: Report, inode = 1): void {
    world.files.set(report.name, { text: reportText(report), inode, modifiedMs: world.wallMs });
  }

  function mark(mark: EndMark): void {
    const file = fileOf('host');
    file.text += markText(mark);
    file.modifiedMs = world.wallMs;
  }

  function fileOf(name: string): StubFile {
    const file = world.files.get(name);
    if (!file) throw new Error(`${name} has no file`);
    return file;
  }

  function beat(): void {
    fileOf('host').modifiedMs = world.wallMs;
  }

  function monitor(options: Partial<MonitorOptions> = {}): Monitor {
    const directory = {
      path: '/store',
      directoryMode: 0o700,
      fileMode: 0o600,
      local: true,
      guarded: false,
      remake: () => undefined,
    };
    return new Monitor({ host, directory, names: [], ...options });
  }

  function pass(ms: number): void {
    world.monoMs += ms;
    world.wallMs += ms;
  }

  function only(by: Monitor): ReporterStatus {
    const [watched, ...others] = by.look();
    if (!watched || others.length > 0) throw new Error('not one name');
    return watched;
  }

  /** Looks as often as a monitor does, for so long. */
  function watchFor(by: Monitor, ms: number): string[] {
    const states: string[] = [];
    for (let passed = 0; passed < ms; passed += by.pollMs) {
      pass(by.pollMs);
      states.push(only(by).state);
    }
    return states;
  }

  test('who stops beating becomes late after its patience, and alive at its next beat', () => {
    const by = monitor();
    expect(only(by).state).toBe('alive');
    const states = watchFor(by, PATIENCE_MS + 2 * by.pollMs);
    expect(states.indexOf('late') * by.pollMs).toBeGreaterThanOrEqual(PATIENCE_MS - by.pollMs);
    expect(states.at(-1)).toBe('late');
    beat();
    expect(only(by).state).toBe('alive');
  });

  test('a clock that is set makes nobody late, nor alive', () => {
    const by = monitor();
    only(by);
    world.wallMs += 1e9;
    expect(only(by).state).toBe('alive');
    beat();
    world.wallMs -= 2e9;
    pass(100);
    expect(only(by)).toMatchObject({ state: 'alive', ageMs: 0 });
    expect(watchFor(by, 2 * PATIENCE_MS).at(-1)).toBe('late');
    world.wallMs -= 1e9;
    expect(only(by).state).toBe('late');
  });

  test('a beat that comes from a clock behind ours is new all the same', () => {
    const by = monitor();
    for (let time = 0; time < 20; time++) {
      pass(600);
      fileOf('host').modifiedMs = world.wallMs - 1e9 + time;
      const { state } = only(by);
      // At first sight the clock is all there is.
      if (time > 0) expect(state).toBe('alive');
    }
  });

  test('at first sight the age is the clock’s, and a beat from the future is just now', () => {
    pass(PATIENCE_MS + 1);
    expect(only(monitor()).state).toBe('late');
    fileOf('host').modifiedMs = world.wallMs + 1e9;
    expect(only(monitor())).toMatchObject({ state: 'alive', ageMs: 0 });
  });

  test('a machine that was paused makes nobody late before it had the chance to beat', () => {
    const by = monitor();
    only(by);
    pass(1e9);
    expect(only(by).state).toBe('alive');
    expect(watchFor(by, PATIENCE_MS).at(-1)).toBe('late');
  });

  test('a death is reported at the next look, and stays one whoever has the pid later', () => {
    const by = monitor();
    only(by);
    world.state = 'gone';
    expect(only(by)).toMatchObject({ state: 'gone', reason: 'its process is gone' });
    world.state = { start: 500, zombie: false };
    expect(only(by).state).toBe('gone');
  });

  test('a death is reported in the same words whether or not the process was reaped already', () => {
    const by = monitor();
    only(by);
    world.state = { start: 500, zombie: true };
    expect(only(by)).toMatchObject({ state: 'gone', reason: 'its process is gone' });
  });

  test('a clean end right before we ask after the process is no death', () => {
    const by = monitor();
    only(by);
    world.state = 'gone';
    world.onState = () => {
      mark({ state: 'ended', code: 0, at: world.wallMs });
      world.onState = () => undefined;
    };
    expect(only(by).state).toBe('ended');
  });

  test('a newer reporter that comes right before we ask after the older one’s process speaks for the name', () => {
    const by = monitor();
    only(by);
    world.state = 'gone';
    world.onState = () => {
      put({ ...REPORT, key: 'k2', facts: { ...REPORT.facts, pid: 11 } }, 2);
      world.state = { start: 500, zombie: false };
      world.onState = () => undefined;
    };
    expect(only(by)).toMatchObject({ state: 'alive', report: { key: 'k2' } });
  });

  test.each([
    ['host', { host: 'web2', boot: 'boot-2' }],
    ['pid namespace', { namespace: 2 }],
  ])('one on another %s is late at worst', (_, facts) => {
    // It began after this kernel was booted: another boot id may be a container's own.
    put({ ...REPORT, since: Date.now(), facts: { ...REPORT.facts, ...facts } });
    world.state = 'gone';
    const by = monitor();
    expect(only(by).state).toBe('alive');
    expect(watchFor(by, 10 * PATIENCE_MS).at(-1)).toBe('late');
  });

  test('one from before a reboot is gone', () => {
    put({ ...REPORT, facts: { ...REPORT.facts, boot: 'boot-0' } });
    expect(only(monitor())).toMatchObject({ state: 'gone', reason: 'its machine was rebooted' });
  });

  test('a file is read only when it has changed', () => {
    const by = monitor();
    watchFor(by, 10 * PATIENCE_MS);
    expect(world.reads).toBe(1);
    beat();
    watchFor(by, 10 * PATIENCE_MS);
    expect(world.reads).toBe(2);
  });

  test('a report that is taken away is reported once, and one that comes later is seen', () => {
    const by = monitor();
    only(by);
    world.files.clear();
    expect(only(by)).toMatchObject({ name: 'host', state: 'unknown', reason: 'its report was taken away' });
    expect(by.look()).toEqual([]);
    put(REPORT, 2);
    expect(only(by).state).toBe('alive');
  });

  test('only those named are watched, and one that never reported is unknown until it does', () => {
    put({ ...REPORT, name: 'other' }, 2);
    const by = monitor({ names: ['later'] });
    expect(only(by)).toMatchObject({ name: 'later', state: 'unknown', reason: 'it never reported', ageMs: null });
    put({ ...REPORT, name: 'later' }, 3);
    expect(only(by).state).toBe('alive');
    world.files.delete('later');
    expect([only(by).reason, only(by).reason]).toEqual(Array(2).fill('its report was taken away'));
  });

  test('private files are nobody’s report', () => {
    world.files.set('.next.abc', fileOf('host'));
    expect(monitor().look()).toHaveLength(1);
  });

  test('two files that claim one name are two', () => {
    world.files.set('%68ost', fileOf('host'));
    const names = monitor().look();
    expect(new Set(names.map(({ file }) => file)).size).toBe(2);
    expect(names.map(({ state }) => state).sort()).toEqual(['alive', 'unknown']);
  });

  test('it looks four times within the smallest patience, between 50 ms and 1 s', () => {
    const pollOf = (everyMs: number, maxAgeMs?: number) => {
      put({ ...REPORT, everyMs });
      const by = monitor({ maxAgeMs });
      by.look();
      return by.pollMs;
    };
    expect([pollOf(800), pollOf(10), pollOf(60_000), pollOf(800, 10)]).toEqual([600, 250, 1_000, 50]);
    world.files.clear();
    const by = monitor();
    by.look();
    expect(by.pollMs).toBe(1_000);
    expect(monitor({ maxAgeMs: 400 }).pollMs).toBe(100);
  });
});
