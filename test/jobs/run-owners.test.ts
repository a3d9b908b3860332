import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DiskEntry } from '../../lib/disk/disk-entry.ts';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { findStoreDirectory } from '../../lib/disk/store-directory.ts';
import type { ProcessFacts } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { StoreDirectory } from '../../lib/host/own-directory.ts';
import { eventText } from '../../lib/jobs/record-format.ts';
import { sweepRuns } from '../../lib/jobs/retention.ts';
import type { Attempt, Run } from '../../lib/jobs/run.ts';
import { type ObservedRun, RunLog } from '../../lib/jobs/run-log.ts';
import { newestJournal } from '../../lib/journal/epoch-files.ts';
import { Lifelines } from '../../lib/session/lifeline.ts';
import { commandLifeline, Session, sessionLifeline } from '../../lib/session/session.ts';
import { ALIVE, DAY, type RunWishes, recordPath, runAt, runningSince, writeRuns } from '../support/recorded-run.ts';
import { temporaryDirectory } from '../support/tape.ts';

/** Processes of a container: their pids say nothing here. */
const WRAPPER: ProcessFacts = { ...ALIVE, pid: 7, tid: 7, start: 500, namespace: 1 };
const COMMAND: ProcessFacts = { ...WRAPPER, pid: 8, tid: 8 };
const REQUEST = { ask: 1, label: '', onlyIfGranted: false };
/** Its command has exited, so only the wrapper counts. */
const EXITED: Attempt[] = [
  { at: 1, facts: COMMAND, exited: { it: 'exited', at: 2, code: 1, signal: null, timedOut: false } },
];
const ENDED = { it: 'ended', at: Date.now(), outcome: 'succeeded', code: 0, reason: '', by: '', tail: '' } as const;

let directory: StoreDirectory;
let lifelines: Lifelines;
let log: RunLog;
/** The lifelines that are held, by their names. */
const held = new Map<string, number>();
const stores: DiskStore[] = [];

beforeEach(() => {
  directory = findStoreDirectory(nodeHost, path.join(temporaryDirectory(), 'store'));
  directory.remake();
  const sessions = path.join(directory.path, 'sessions');
  fs.mkdirSync(sessions);
  lifelines = new Lifelines({ host: nodeHost, directory: sessions, store: directory });
  log = new RunLog(nodeHost, directory);
});

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  for (const fd of held.values()) lifelines.close(fd);
  held.clear();
});

function nameOf(owner: 'wrapper' | 'command', key: string): string {
  return owner === 'wrapper' ? sessionLifeline({ key, facts: WRAPPER }) : commandLifeline({ key, facts: COMMAND });
}

/** An owner lives: the kernel has its lifeline held. */
function live(name: string): void {
  held.set(name, lifelines.hold(name) ?? Number.NaN);
}

/** It is killed: the kernel has its lifeline free. */
function kill(name: string): void {
  lifelines.close(held.get(name) ?? Number.NaN);
  held.delete(name);
}

/** A run in a container that began its command. */
function contained(wishes: RunWishes = {}): Run {
  const now = Date.now();
  const attempts = [{ at: now, facts: COMMAND, session: 'command', exited: null }];
  return runningSince(now, { facts: WRAPPER, session: 'wrapper', attempts, ...wishes });
}

function write(...runs: Run[]): void {
  writeRuns(directory.path, runs);
}

function observed(): ObservedRun {
  const [run] = log.runs('n');
  if (!run) throw new Error('there is no run');
  return run;
}

/** A session of the container has an entry in the line of the run's lock. It makes no lifeline. */
function enter({ key = nodeHost.processes.nonce(), facts = WRAPPER } = {}): { key: string; evict: () => void } {
  const host = { ...nodeHost, processes: { ...nodeHost.processes, self: () => facts, nonce: () => key } };
  const session = new Session(host);
  const store = new DiskStore({ host, session, directory, heartbeatMs: 0 });
  stores.push(store);
  const entry = store.join('n', { kind: 'lock', permits: 1 }, REQUEST) as DiskEntry;
  return { key, evict: () => void store.evict('n', entry.ticket, { reason: 'broken', by: 'test' }) };
}

describe('a run in another pid namespace, by the lifelines of its processes,', () => {
  beforeEach(() => {
    live(nameOf('wrapper', 'wrapper'));
    live(nameOf('command', 'command'));
    write(contained());
  });

  test('runs while its wrapper lives, and is lost once all are dead', () => {
    expect(observed()).toMatchObject({ state: 'running', orphaned: false, unseen: true });
    kill(nameOf('command', 'command'));
    expect(observed()).toMatchObject({ state: 'running', orphaned: false });
    kill(nameOf('wrapper', 'wrapper'));
    expect(observed()).toMatchObject({ state: 'lost', unseen: false });
  });

  test('is orphaned while only its command lives', () => {
    kill(nameOf('wrapper', 'wrapper'));
    expect(observed()).toMatchObject({ state: 'running', orphaned: true });
    kill(nameOf('command', 'command'));
    expect(observed()).toMatchObject({ state: 'lost', orphaned: false });
  });

  test('waits or is lost the same way', () => {
    fs.rmSync(recordPath(directory.path, observed().run));
    write(contained({ waitedMs: null, attempts: [] }));
    expect(observed().state).toBe('waiting');
    kill(nameOf('wrapper', 'wrapper'));
    expect(observed().state).toBe('lost');
  });

  test('has ended, and is not lost, if its end is written while it is looked at', () => {
    const { run } = observed();
    const hasReader = (file: string) => {
      fs.appendFileSync(recordPath(directory.path, run), eventText(ENDED));
      kill(nameOf('wrapper', 'wrapper'));
      kill(nameOf('command', 'command'));
      return nodeHost.files.hasReader(file);
    };
    const looking = new RunLog({ ...nodeHost, files: { ...nodeHost.files, hasReader } }, directory);
    expect(looking.observe(run)).toMatchObject({ state: 'ended', run: { ended: { outcome: 'succeeded' } } });
  });
});

describe('a run in another pid namespace whose lifelines are gone', () => {
  test.each([
    ['a store of this machine', false],
    ['a guarded store', true],
  ])('runs, in %s, while its entry is in the line, and is lost when that was evicted', (_, guarded) => {
    directory = findStoreDirectory(nodeHost, directory.path, { guarded });
    log = new RunLog(nodeHost, directory);
    const { key, evict } = enter();
    write(contained({ session: key, attempts: EXITED }));
    expect(observed().state).toBe('running');
    evict();
    expect(observed().state).toBe('lost');
    expect(new RunLog(nodeHost, directory).runs('n')[0]?.state).toBe('lost');
  });

  test('runs while a line cannot be read', () => {
    const { key, evict } = enter();
    evict();
    write(contained({ session: key, attempts: EXITED }));
    const journal = newestJournal(nodeHost.files, path.join(directory.path, 'resources/n')) ?? '';
    fs.writeFileSync(journal, '["of another version",9,{}]');
    expect(observed().state).toBe('running');
  });

  test('is lost only once its command has left the line, too', () => {
    const { key, evict } = enter();
    write(contained({ attempts: [{ at: Date.now(), facts: COMMAND, session: key, exited: null }] }));
    expect(observed()).toMatchObject({ state: 'running', orphaned: true });
    evict();
    expect(observed().state).toBe('lost');
  });

  test('waits for a day, if it did not join the line: it may be about to', () => {
    const young = contained({ waitedMs: null, attempts: [] });
    write(young, runAt(Date.now() - 2 * DAY, { facts: WRAPPER, session: 'old', outcome: null, waitedMs: null }));
    expect(log.runs('n').map(({ state }) => state)).toEqual(['waiting', 'lost']);
  });

  test('is known though others of its job were looked at before it joined', () => {
    const first = enter();
    first.evict();
    write(contained({ session: first.key, attempts: EXITED }));
    expect(observed().state).toBe('lost');
    const second = enter();
    write(contained({ key: 'z', session: second.key, attempts: EXITED }));
    expect(log.runs('n').map(({ state }) => state)).toEqual(['running', 'lost']);
  });
});

describe('a run that cannot be judged is running:', () => {
  beforeEach(() => {
    live(nameOf('wrapper', 'wrapper'));
    kill(nameOf('wrapper', 'wrapper'));
  });

  test('one whose record has no key', () => {
    const { session: _, ...run } = contained({ attempts: EXITED });
    write(run);
    expect(observed().state).toBe('running');
  });

  test('one whose key leads out of the directory of sessions', () => {
    write(contained({ session: '../wrapper', attempts: EXITED }));
    expect(observed().state).toBe('running');
  });

  test('one of another machine that is in line, whose lifelines only its own kernel has', () => {
    const facts = { ...WRAPPER, boot: 'of another machine' };
    enter({ key: 'wrapper', facts });
    write(contained({ facts, attempts: EXITED }));
    const { path, guarded, fileMode, directoryMode } = directory;
    const common = { path, guarded, fileMode, directoryMode, local: false, remake: () => undefined };
    expect(new RunLog(nodeHost, common).runs('n')).toMatchObject([{ state: 'running' }]);
    expect(observed().state).toBe('lost');
  });
});

test('of the old records of runs in containers, those of lost runs are removed, and those of living ones are kept', () => {
  const old = ['living', 'dead'].map((session) => {
    const attempts = [{ at: 1, facts: WRAPPER, session, exited: null }];
    live(nameOf('wrapper', session));
    return { ...contained({ key: session, session, attempts }), at: Date.now() - DAY };
  });
  write(...old, runAt(Date.now() - 1_000));
  kill(nameOf('wrapper', 'dead'));
  sweepRuns(nodeHost, directory, 'n', 1);
  expect(log.runs('n').map(({ run, state }) => [run.session, state])).toEqual([
    [undefined, 'ended'],
    ['living', 'running'],
  ]);
});
