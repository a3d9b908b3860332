import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { StoreError } from '../../lib/errors.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { StoreDirectory } from '../../lib/host/own-directory.ts';
import { RunRecord } from '../../lib/jobs/record-writer.ts';
import { sweepRuns } from '../../lib/jobs/retention.ts';
import type { RunStart } from '../../lib/jobs/run.ts';
import { RunLog } from '../../lib/jobs/run-log.ts';
import { requestStop, StopRequestWatch, stopRequestTo } from '../../lib/jobs/stop-request.ts';
import { PLAN } from '../support/recorded-run.ts';
import { FAULTS, FaultyHost } from './faulty-host.ts';

/** The record of a run, by one whose calls on files go wrong. */

let root: string;
let store: StoreDirectory;
let host: FaultyHost;
let records: RunRecord[];

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-record-'));
  store = { ...openStoreDirectory(nodeHost, path.join(root, 'store')), remake: () => undefined };
  host = new FaultyHost();
  records = [];
});

afterEach(() => {
  host.mend();
  for (const record of records) record.close();
  expect(host.open.size).toBe(0);
  fs.rmSync(root, { recursive: true, force: true });
});

function startOf(key: string, at = 1): RunStart {
  return { job: 'n', key, facts: nodeHost.processes.self(), at, label: 'test', plan: PLAN };
}

function begin(key: string): RunRecord {
  const record = RunRecord.begin(host, store, startOf(key));
  records.push(record);
  return record;
}

function filesOf(): string[] {
  return fs.existsSync(`${store.path}/jobs/n`) ? fs.readdirSync(`${store.path}/jobs/n`) : [];
}

test.each(FAULTS)(
  'whichever call goes wrong as a run begins, with %s: it is written whole, or not there and told',
  (fault) => {
    begin('counted');
    const { calls } = host;
    expect(calls).toBeGreaterThan(6);
    for (let at = 1; at <= calls; at++) {
      host.failWhen((call) => (call === at ? fault : null));
      const before = filesOf();
      try {
        begin(`k${at}`);
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
        expect((error as Error).message).toMatch(/^n: cannot write the record of a run /);
        expect(filesOf()).toEqual(before);
      }
      host.mend();
      const [run] = new RunLog(nodeHost, store).runs('n').filter((observed) => observed.run.key === `k${at}`);
      expect(run === undefined).toBe(filesOf().length === before.length);
    }
  },
);

test.each(['ENOSPC', 'EDQUOT', 'EIO', 'short then ENOSPC', 'none'] as const)(
  'an event that cannot be written is told (%s), and the next one is read',
  (how) => {
    const record = begin('k');
    const [first, then] = how === 'short then ENOSPC' ? (['short', 'ENOSPC'] as const) : [how, null];
    host.failWhen((call) => (call === 1 ? first : call === 2 ? then : null));
    expect(() => record.append({ it: 'acquired', at: 2 })).toThrow(StoreError);
    host.mend();
    record.append({ it: 'ended', at: 3, outcome: 'succeeded', code: 0, reason: '', by: '', tail: '' });
    const [observed] = new RunLog(nodeHost, store).runs('n');
    expect(observed?.run).toMatchObject({ acquiredAt: null, ended: { outcome: 'succeeded' } });
  },
);

test('an event whose write is cut short is written to its end, however often that happens', () => {
  const record = begin('k');
  // Half of what is left each time.
  host.failWhen((call) => (call <= 2 ? 'short' : null));
  record.append({ it: 'acquired', at: 2 });
  expect(host.hits).toEqual(['write short', 'write short']);
  const [observed] = new RunLog(nodeHost, store).runs('n');
  expect(observed?.run.acquiredAt).toBe(2);
});

test.each(FAULTS)('whichever call goes wrong in a sweep, with %s: no run is lost that should be kept', (fault) => {
  for (let at = 1; at <= 60; at++) {
    const record = RunRecord.begin(nodeHost, store, startOf(`k${at}`, at));
    record.append({
      it: 'ended',
      at,
      outcome: at === 5 ? 'succeeded' : 'skipped',
      code: 0,
      reason: '',
      by: '',
      tail: '',
    });
    record.close();
  }
  for (let at = 1; ; at++) {
    host.failWhen((call) => (call === at ? fault : null));
    try {
      sweepRuns(host, store, 'n', 5);
    } catch {
      // Whoever sweeps goes on all the same.
    }
    if (host.calls < at) break;
  }
  const times = new RunLog(nodeHost, store).runs('n').map(({ run }) => run.at);
  expect(times).toEqual([...Array.from({ length: 20 }, (_, at) => 60 - at), 5]);
});

test.each(FAULTS)('whichever call goes wrong in asking a run to end, with %s: it is asked whole, or not', (fault) => {
  const run = begin('k').start;
  const request = { key: 'asker', pid: 7, host: 'h', at: 8 };
  for (let at = 1; ; at++) {
    host.failWhen((call) => (call === at ? fault : null));
    try {
      requestStop(host, store, run, request);
    } catch {
      // It is tried again.
    }
    const { calls } = host;
    host.mend();
    expect([null, request]).toContainEqual(stopRequestTo(nodeHost, store, run));
    fs.rmSync(`${store.path}/jobs/n/000000000000001-k.end`, { force: true });
    if (calls < at) break;
  }
  expect(requestStop(host, store, run, request)).toBe(true);
  expect(requestStop(host, store, run, { ...request, key: 'other' })).toBe(false);
  expect(stopRequestTo(host, store, run)).toEqual(request);
});

test('a request is found at the next look, where no notification arrives', () => {
  const run = begin('k').start;
  host.failWhen((_, kind) => (kind === 'watch' ? 'EMFILE' : null));
  const heard: string[] = [];
  const watch = new StopRequestWatch(host, store, run, ({ key }) => heard.push(key));
  host.runTimers();
  requestStop(nodeHost, store, run, { key: 'asker', pid: 7, host: 'h', at: 8 });
  expect(heard).toEqual([]);
  host.runTimers();
  host.runTimers();
  expect(heard).toEqual(['asker']);
  watch.close();
  expect(stopRequestTo(nodeHost, store, run)).toBeNull();
});
