import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { StoreError } from '../../lib/errors.ts';
import { Beat } from '../../lib/heartbeat/heartbeat.ts';
import { Monitor } from '../../lib/heartbeat/monitor.ts';
import { endReport } from '../../lib/heartbeat/report-writer.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { StoreDirectory } from '../../lib/host/own-directory.ts';
import { FAULTS, type Fault, FaultyHost } from './faulty-host.ts';

/** A reporter whose calls on files go wrong: it never fails its program, and reports as soon as it can. */

let root: string;
let directory: StoreDirectory;
let host: FaultyHost;
let beats: Beat[];

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-report-'));
  directory = openStoreDirectory(nodeHost, path.join(root, 'store'));
  host = new FaultyHost();
  beats = [];
});

afterEach(() => {
  host.mend();
  for (const beat of beats) beat.abandon();
  expect(host.open.size).toBe(0);
  fs.rmSync(root, { recursive: true, force: true });
});

function report(name: string): Beat {
  const facts = nodeHost.processes.self();
  const own = { ...directory, remake: () => undefined };
  const beat = new Beat({ host, directory: own, name, everyMs: 1_000, facts, label: 'test' });
  beats.push(beat);
  return beat;
}

function stateOf(name: string): string | undefined {
  return new Monitor({ host: nodeHost, directory, names: [name] }).look()[0]?.state;
}

/** The files that are there, but for those that a reporter makes and gives another name. */
function leftovers(): string[] {
  return fs.readdirSync(path.join(root, 'store', 'beats')).filter((file) => file.startsWith('.'));
}

function countCalls(): number {
  host.failWhen(() => null);
  const beat = report('counted');
  host.runTimers();
  const { calls } = host;
  beat.stop();
  return calls;
}

test.each(FAULTS)('whichever call goes wrong, with %s, it reports as soon as it can', (fault) => {
  const calls = countCalls();
  expect(calls).toBeGreaterThan(8);
  for (let at = 1; at <= calls; at++) {
    const name = `n${at}`;
    host.failWhen((call) => (call === at ? fault : null));
    const beat = report(name);
    host.runTimers();
    host.mend();
    host.runTimers();
    expect(beat.failure).toBeNull();
    expect(stateOf(name)).toBe('alive');
    beat.stop();
    expect(stateOf(name)).toBe('ended');
  }
  host.mend();
  expect(leftovers()).toEqual([]);
});

test.each(['ENOSPC', 'none', 'short'] as const)(
  'an end that cannot be marked for it is reported (%s)',
  (fault: Fault) => {
    report('n');
    host.failWhen((_, kind) => (kind === 'write' ? fault : null));
    const end = () => endReport(host, directory, 'n');
    expect(end).toThrow(StoreError);
    expect(end).toThrow(expect.objectContaining({ code: 'STORE_FULL' }));
    expect(stateOf('n')).toBe('alive');
    host.mend();
    expect(end()).toBe(true);
    expect(stateOf('n')).toBe('ended');
  },
);
