import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sweepSessions } from '../../lib/disk/session-sweep.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';
import { toWire } from '../../lib/session/facts.ts';
import { Lifelines } from '../../lib/session/lifeline.ts';

let directory: string;
let lifelines: Lifelines;
const held: number[] = [];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-sweep-'));
  lifelines = new Lifelines({ host: nodeHost, directory, store: { fileMode: 0o600, directoryMode: 0o700 } });
});

afterEach(() => {
  for (const fd of held.splice(0)) fs.closeSync(fd);
  fs.rmSync(directory, { recursive: true });
});

/** The files of a session, which lives, or was killed. */
function session(pid: number, lives: boolean): string[] {
  const fd = lifelines.hold(`${pid}-key.life`) as number;
  if (lives) held.push(fd);
  else fs.closeSync(fd);
  for (const name of [`${pid}-key`, `${pid}-key.seen`]) fs.writeFileSync(path.join(directory, name), '');
  fs.mkdirSync(path.join(directory, `${pid}-key.lock`));
  return ['', '.life', '.lock', '.seen'].map((end) => `${pid}-key${end}`);
}

/** A line in which the session of this pid has an entry. */
function lineOf(pid: number): Line {
  const facts = toWire({ ...nodeHost.processes.self(), pid, tid: pid });
  const header = { name: 'x', kind: 'lock', permits: 1, last: 0, token: 0, value: 0, entries: [] };
  const line = new Line(header, NO_OBSERVER);
  line.apply(['enter', 'key:1', facts, 1, 1, '']);
  return line;
}

function sweep(lines: readonly Line[], local = true): string[] {
  sweepSessions({
    ...{ host: nodeHost, directory, lifelines, local },
    countLines: () => lines.length,
    lines: () => lines,
  });
  return fs
    .readdirSync(directory)
    .filter((name) => name !== 'spare')
    .sort();
}

test('the files of dead sessions are swept, but for those of one that has an entry', () => {
  const kept = [...session(1, true), ...session(2, false)];
  for (let pid = 3; pid < 13; pid++) session(pid, false);
  expect(sweep([lineOf(2)])).toEqual(kept.sort());
});

test('nothing is swept in a store that other kernels may have, where a free lifeline proves nothing', () => {
  for (let pid = 3; pid < 13; pid++) session(pid, false);
  expect(sweep([], false)).toHaveLength(40);
});

test.each([true, false])(
  'what was left half made a day ago is swept, and what was seen of a session that has ended',
  (local) => {
    const longAgo = Date.now() / 1000 - 2 * 86_400;
    const write = (name: string, time: number) => {
      fs.writeFileSync(path.join(directory, name), '');
      fs.utimesSync(path.join(directory, name), time, time);
    };
    for (const name of ['.seen.a', '.line.a', '5-key.seen', '.other.a', '6-key.seen', '6-key']) write(name, longAgo);
    fs.mkdirSync(path.join(directory, '7-key.lock'));
    for (const name of ['.seen.b', '.line.b', '7-key.seen']) write(name, Date.now() / 1000);
    expect(sweep([], local)).toEqual(
      ['.line.b', '.other.a', '.seen.b', '6-key', '6-key.seen', '7-key.lock', '7-key.seen'].sort(),
    );
  },
);
