import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { StoreError } from '../../lib/errors.ts';
import type { Host, ProcessFacts, ProcessState } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { StoreDirectory } from '../../lib/host/own-directory.ts';
import { JobJudge } from '../../lib/jobs/health.ts';
import { eventText, jobDirectory } from '../../lib/jobs/record-format.ts';
import type { Run } from '../../lib/jobs/run.ts';
import { RunLog } from '../../lib/jobs/run-log.ts';
import { TYPICAL_RUNS } from '../../lib/jobs/success-durations.ts';
import { encodeName } from '../../lib/store/name.ts';
import { ALIVE, GONE, recordOf, recordPath, runAt, runningSince, writeRuns } from '../support/recorded-run.ts';

const LONG = `${'/'.repeat(190)} long`;
const ROOT = process.geteuid?.() === 0;

let root: string;
let store: StoreDirectory;
let log: RunLog;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-runs-'));
  store = openStoreDirectory(nodeHost, path.join(root, 'store'));
  log = new RunLog(nodeHost, store);
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function write(...runs: Run[]): void {
  writeRuns(store.path, runs);
}

/** A log that asks the system about processes through us. */
function logWith(changes: {
  state?: (pid: number, tid: number) => ProcessState;
  files?: Partial<Host['files']>;
}): RunLog {
  const state = changes.state ?? nodeHost.processes.state;
  const host = {
    ...nodeHost,
    processes: { ...nodeHost.processes, state },
    files: { ...nodeHost.files, ...changes.files },
  };
  return new RunLog(host, store);
}

/** Facts of a process of our own machine that only exists in a test. */
function processOf(pid: number): ProcessFacts {
  return { ...ALIVE, pid, tid: pid, start: 500 };
}

function statesOf(job = 'n'): string[] {
  return log.runs(job).map(({ run, state }) => run.ended?.outcome ?? state);
}

describe('jobs', () => {
  test('keep their names, whatever they are, and are sorted', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((text) => {
      return text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= 200;
    });
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), (names) => {
        fs.rmSync(path.join(store.path, 'jobs'), { recursive: true, force: true });
        for (const job of [...names, LONG]) write(runAt(1, { job }));
        expect(log.jobs()).toEqual([...names, LONG].sort());
        for (const job of [...names, LONG]) expect(log.runs(job).map(({ run }) => run.job)).toEqual([job]);
      }),
      { numRuns: 30 },
    );
  });

  test('are none in a store in which none ran', () => {
    expect(log.jobs()).toEqual([]);
    fs.mkdirSync(jobDirectory(store.path, 'begun'), { recursive: true });
    expect(log.known()).toEqual([]);
    expect([...log.readings('begun'), ...log.readings('never')]).toEqual([]);
  });

  test('are known even if no record of theirs can be read', () => {
    write(runAt(1, { job: 'broken', key: 'a' }), runAt(1, { job: LONG, key: 'a' }));
    for (const job of ['broken', LONG]) fs.writeFileSync(recordPath(store.path, { job, at: 1, key: 'a' }), '');
    expect(log.known()).toEqual([
      { name: encodeName(LONG), problem: 'its file is not the record of a run' },
      { name: 'broken', problem: null },
    ]);
    expect([...log.readings('broken')]).toEqual([{ at: 1, problem: 'its file is not the record of a run' }]);
  });

  test('of which the place is taken are known, and hide no other; a link is not followed', () => {
    write(runAt(1), runAt(1, { job: 'real' }));
    const place = (file: string) => path.join(store.path, 'jobs', file);
    fs.writeFileSync(place('file'), '');
    execFileSync('mkfifo', [place('fifo')]);
    fs.symlinkSync(place('real'), place('link'));
    fs.writeFileSync(place('.hidden'), '');
    expect(log.known().map(({ name }) => name)).toEqual(['fifo', 'file', 'link', 'n', 'real']);
    expect([...log.readings('link')]).toEqual([{ at: null, problem: 'its records cannot be looked at (ELOOP)' }]);
    expect([...log.readings('file')]).toEqual([{ at: null, problem: 'its records cannot be looked at (ENOTDIR)' }]);
  });

  test('are not taken for one another: a record in a place that is not its own is none', () => {
    write(runAt(1));
    const place = (file: string) => path.join(store.path, 'jobs', file);
    for (const file of ['%6e', 'other']) fs.cpSync(place('n'), place(file), { recursive: true });
    expect(log.known()).toEqual([
      { name: '%6e', problem: 'its records belong to another job' },
      { name: 'n', problem: null },
      { name: 'other', problem: null },
    ]);
    expect([...log.readings('other')]).toEqual([{ at: 1, problem: 'its record is of another job' }]);
    expect(log.runs('other')).toEqual([]);
  });

  test('that lead elsewhere as a whole are refused', () => {
    fs.mkdirSync(path.join(root, 'elsewhere'));
    fs.symlinkSync(path.join(root, 'elsewhere'), path.join(store.path, 'jobs'));
    expect(() => log.known()).toThrow(StoreError);
  });
});

describe('a record', () => {
  const make = (file: string, text: string) => fs.writeFileSync(file, text);

  test.each<[string, (file: string) => unknown, RegExp]>([
    ['a FIFO', (file) => execFileSync('mkfifo', [file]), /taken by a thing that is no regular file/],
    ['a directory', (file) => fs.mkdirSync(file), /taken by a directory/],
    ['a link to a record', (file) => fs.symlinkSync(`${file}.real`, file), /taken by a symbolic link/],
    ['a link to what never ends', (file) => fs.symlinkSync('/dev/zero', file), /taken by a symbolic link/],
    ['nothing', (file) => make(file, ''), /is not the record of a run/],
    ['NUL bytes', (file) => make(file, '\0'.repeat(1_000)), /is not the record of a run/],
    ['too much', (file) => make(file, ' '.repeat(1024 * 1024 + 1)), /too large/],
    ['a future format', (file) => make(file, '{"lockstep":"run","version":2}'), /does not know; it knows 1/],
    ['a damaged one', (file) => make(file, '{"lockstep":"run","version":1}'), /damaged/],
  ])('that is %s is reported, hides no other record, and blocks no reader', (_, put, problem) => {
    const run = runAt(5, { key: 'bad' });
    write(runAt(3), run, runAt(9));
    const file = recordPath(store.path, run);
    fs.renameSync(file, `${file}.real`);
    put(file);
    const readings = [...log.readings('n')];
    expect(readings[1]).toEqual({ at: 5, problem: expect.stringMatching(problem) });
    expect(readings).toHaveLength(3);
    expect(log.runs('n').map(({ run }) => run.at)).toEqual([9, 3]);
  });

  test.skipIf(ROOT)('that may not be read is reported as unreadable', () => {
    const run = runAt(5);
    write(run);
    fs.chmodSync(recordPath(store.path, run), 0);
    expect([...log.readings('n')]).toEqual([{ at: 5, problem: 'its record cannot be read (EACCES)' }]);
  });

  test('that fails to be read is reported as unreadable', () => {
    write(runAt(5));
    const readText = () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    expect([...logWith({ files: { readText } }).readings('n')]).toEqual([
      { at: 5, problem: 'its record cannot be read (EIO)' },
    ]);
  });

  test('that was removed before it was read is left out', () => {
    const [old, young] = [runAt(5), runAt(6)];
    write(old, young);
    const readText = (file: string) => {
      if (file.endsWith(`${old.key}.run`)) fs.rmSync(recordPath(store.path, old), { force: true });
      return nodeHost.files.readText(file);
    };
    expect([...logWith({ files: { readText } }).readings('n')]).toMatchObject([{ run: { at: 6 } }]);
  });

  test.each([
    ['twenty of an older Lockstep', TYPICAL_RUNS, {}],
    ['the newest alone, which lists what the others took', 1, { earlierMs: Array(TYPICAL_RUNS - 1).fill(1_000) }],
  ])('is read once, by one call, until enough are read: %s; its directory is listed once', (_, reads, wishes) => {
    write(...Array.from({ length: 120 }, (_, at) => runAt(at, wishes)));
    const calls = { list: 0, look: 0, readText: 0 };
    const counting = Object.fromEntries(
      (['list', 'look', 'readText'] as const).map((call) => [
        call,
        (path: string) => {
          calls[call] += 1;
          return nodeHost.files[call](path);
        },
      ]),
    );
    const counted = logWith({ files: counting });
    const judge = new JobJudge(1_000_000);
    for (const { name } of counted.possible())
      for (const reading of counted.readings(name, (mayRun) => judge.hasEnough(mayRun))) judge.add(reading);
    expect(judge.verdict().typicalMs).toBe(1_000);
    // The directory of all jobs and that of this one are looked at and listed.
    expect(calls).toEqual({ list: 2, look: 2, readText: reads });
  });

  test('cut anywhere reads as a run that has come less far, and never as another end', () => {
    const run = runAt(5, { outcome: 'failed', code: 3, tail: 'the end\n' });
    const whole = recordOf(run);
    for (let length = 0; length < whole.length; length++) {
      write(run);
      fs.truncateSync(recordPath(store.path, run), length);
      const [reading] = log.readings('n');
      if (reading && 'run' in reading) expect(reading.state).toBe('lost');
      else expect(reading).toHaveProperty('problem');
    }
  });
});

describe('the state of a run', () => {
  test('comes from its processes, where its record has no end', () => {
    write(
      runAt(1),
      runAt(2, { outcome: null }),
      runningSince(3),
      runningSince(4, { waitedMs: null }),
      runAt(5, { outcome: null, waitedMs: null }),
    );
    expect(statesOf()).toEqual(['lost', 'waiting', 'running', 'lost', 'succeeded']);
  });

  test('is an end, not a loss, if the end is written while the reader looks', () => {
    const run = runAt(1, { facts: processOf(7), outcome: null });
    write(run);
    const end = { it: 'ended', at: 2, outcome: 'succeeded', code: 0, reason: '', by: '', tail: '' } as const;
    // It ends between our reading of its record and our look at its process.
    const state = (): ProcessState => {
      fs.appendFileSync(recordPath(store.path, run), eventText(end));
      return 'gone';
    };
    const looking = logWith({ state });
    expect(looking.runs('n')).toMatchObject([{ state: 'ended', run: { ended: { outcome: 'succeeded' } } }]);
    expect(looking.stateOf(run)).toBe('ended');
  });

  test('is running, and orphaned, if only its command is there', () => {
    const [command] = runAt(1, { facts: processOf(8), outcome: null }).attempts;
    write(runAt(1, { facts: processOf(7), outcome: null, attempts: command ? [command] : [] }));
    const state = (pid: number): ProcessState => (pid === 7 ? 'gone' : { start: 500, zombie: false });
    expect(logWith({ state }).runs('n')).toMatchObject([{ state: 'running', orphaned: true }]);
    // Its command has exited, and that was written down.
    write(runAt(1, { key: 'x', facts: GONE, outcome: 'failed' }));
    const exited = runAt(2, { facts: processOf(8) });
    write({ ...exited, facts: processOf(7), ended: null });
    expect(logWith({ state }).runs('n')[0]).toMatchObject({ state: 'lost', orphaned: false });
  });

  test('names the process that is stopped', () => {
    const [command] = runAt(1, { facts: processOf(8), outcome: null }).attempts;
    write(runAt(1, { facts: processOf(7), outcome: null, attempts: command ? [command] : [] }));
    const stoppedOf = (stopped: number) => {
      const state = (pid: number): ProcessState => ({ start: 500, zombie: false, stopped: pid === stopped });
      return logWith({ state }).runs('n')[0]?.stopped;
    };
    expect([stoppedOf(7), stoppedOf(8), stoppedOf(9)]).toEqual(['job', 'command', null]);
  });

  test('is running, unseen, in another container; its pid is not looked up here', () => {
    write(runAt(1, { facts: { ...processOf(7), namespace: 1 }, outcome: null }));
    const state = (): ProcessState => {
      throw new Error('a pid of another namespace says nothing here');
    };
    expect(logWith({ state }).runs('n')).toMatchObject([{ state: 'running', unseen: true, stopped: null }]);
    expect(logWith({}).runs('n')[0]?.unseen).toBe(true);
    write(runningSince(2));
    expect(logWith({}).runs('n')[0]?.unseen).toBe(false);
  });
});

test('once there is enough, only runs are read whose output is still beside their record', () => {
  const runs = Array.from({ length: 50 }, (_, at) => runAt(at + 10));
  const hung = runningSince(3);
  const dead = runAt(5, { outcome: null });
  write(...runs, hung, dead);
  let reads = 0;
  const readText = (file: string) => {
    reads += Number(file.endsWith('.run'));
    return nodeHost.files.readText(file);
  };
  const seen: number[] = [];
  for (const reading of logWith({ files: { readText } }).readings('n', () => seen.length >= 4))
    if ('run' in reading) seen.push(reading.run.at);
  expect(seen).toEqual([59, 58, 57, 56, 5, 3]);
  // A run that looks lost is read once more.
  expect(reads).toBe(7);
});
