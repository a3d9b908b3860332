import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasRuns, type JobHistoryOptions, printJobHistory, runsOf } from '../../../../cli/commands/history/runs.ts';
import { localTime } from '../../../../cli/text/quantities.ts';
import { MisuseError } from '../../../../lib/errors.ts';
import { openRunLog } from '../../../../lib/jobs/index.ts';
import type { Run } from '../../../../lib/jobs/run.ts';
import type { RunReading } from '../../../../lib/jobs/run-log.ts';
import { Rig } from '../../../support/cli-rig.ts';
import { HOUR, MINUTE, recordPath, runAt, runningSince, writeRuns } from '../../../support/recorded-run.ts';

/** The part of `lockstep history NAME` that is for jobs. */

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const HEADINGS = ['STARTED', 'WAITED', 'TOOK', 'RESULT', 'CODE', 'BY', 'REASON'];
const START = Date.now() - 10 * HOUR;

function write(runs: Run[], output?: string): void {
  writeRuns(rig.storePath, runs, output);
}

function runs(most = 0): RunReading[] {
  return runsOf(openRunLog(rig.storePath), 'n', { most, from: Number.NEGATIVE_INFINITY });
}

function printed(options: Partial<JobHistoryOptions> = {}, most?: number): string {
  const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    printJobHistory(runs(most), { dir: rig.storePath, json: false, output: false, ...options });
    return stdout.mock.calls.map(([text]) => text).join('');
  } finally {
    stdout.mockRestore();
  }
}

function cellsOf(table: string): string[][] {
  const lines = table.trimEnd().split('\n');
  const starts = HEADINGS.map((heading) => lines[0]?.indexOf(heading) ?? -1);
  return lines.map((line) => starts.map((start, at) => line.slice(start, starts[at + 1]).trim()));
}

/** The exit code of each run that is shown, in the order shown. */
function codesOf(table: string): Array<string | undefined> {
  return cellsOf(table)
    .slice(1)
    .map((row) => row[4]);
}

describe('the runs of a job', () => {
  test('are a table, the newest last, in local time', () => {
    const at = (minutes: number) => START + minutes * MINUTE;
    const retried = runAt(at(2), { outcome: 'failed', code: 3, tookMs: 61_000, reason: 'no luck' });
    const dead = runAt(at(6), { outcome: null });
    write([
      runAt(at(1), { waitedMs: 1_500, tookMs: 350, key: 'k1' }),
      { ...retried, attempts: [...retried.attempts, ...retried.attempts] },
      runAt(at(3), { outcome: 'skipped', tookMs: null, by: 'k1', code: 0 }),
      runAt(at(4), { outcome: 'replaced', by: 'of-old', code: 143 }),
      runAt(at(5), { outcome: 'timed-out', code: 124, tookMs: HOUR }),
      dead,
      runningSince(Date.now() - 5 * MINUTE - 1_000),
      runningSince(Date.now() - 2 * MINUTE - 1_000, { waitedMs: null }),
    ]);
    const rows = cellsOf(printed());
    expect(rows[0]).toEqual(HEADINGS);
    expect(rows[1]?.[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(rows[1]?.[0]).toBe(localTime(at(1), 'seconds'));
    expect(rows.slice(1).map((row) => row.slice(1))).toEqual([
      ['1.5s', '350ms', 'succeeded', '0', '-', '-'],
      ['0ms', '1m 1s', 'failed', '3', '-', '2 attempts; no luck'],
      ['0ms', '-', 'skipped', '0', localTime(at(1), 'seconds'), '-'],
      ['0ms', '1s', 'replaced', '143', 'of-old', '-'],
      ['0ms', '1h', 'timed-out', '124', '-', '-'],
      ['0ms', '-', 'lost', '-', '-', 'its end was not recorded: its process or its machine died'],
      ['0ms', expect.stringMatching(/^5m \d+s…$/), 'running', '-', '-', '-'],
      [expect.stringMatching(/^2m \d+s$/), '-', 'waiting', '-', '-', '-'],
    ]);
  });

  test('are the newest so many; with 0 all', () => {
    write(Array.from({ length: 25 }, (_, at) => runAt(START + at * 1_000, { code: at, outcome: 'failed' })));
    expect(codesOf(printed({}, 2))).toEqual(['23', '24']);
    expect(codesOf(printed({}, 0))).toHaveLength(25);
  });

  test('have their last lines below them with --output, also those that are lost or go on; shown, not obeyed', () => {
    write([runAt(START, { outcome: 'failed', tail: 'one\ttab\n\x1b[31mtwo\n' })]);
    write([runAt(START + 1_000)]);
    write([runAt(START + 2_000, { outcome: null })], 'half a li');
    const lines = printed({ output: true }).split('\n');
    expect(lines.slice(1).map((line) => (line.startsWith(' ') ? line : '-'))).toEqual([
      '-',
      '    one\ttab',
      '    \\x1b[31mtwo',
      '-',
      '-',
      '    half a li',
      '-',
    ]);
    expect(printed()).not.toContain('two');
  });

  test('are an array as JSON, with all that is known, and the output', () => {
    write([runAt(START, { outcome: 'failed', code: 3, tail: 'bye\n', key: 'k1' })]);
    write([runAt(START + 1_000, { outcome: null, key: 'k2' })], 'half a li');
    const runs = JSON.parse(printed({ json: true }));
    expect(runs).toMatchObject([
      { key: 'k1', result: 'failed', code: 3, tail: 'bye\n', startedAt: new Date(START).toISOString() },
      { key: 'k2', result: 'lost', code: null, endedAt: null, tail: 'half a li', attempts: [{ exitedAt: null }] },
    ]);
  });

  test('report a record that cannot be read, and all the others', () => {
    const runs = [runAt(START), runAt(START + 1_000), runAt(START + 2_000)];
    write(runs);
    const [, bad] = runs;
    if (bad) fs.writeFileSync(recordPath(rig.storePath, bad), '{"lockstep":"run","version":9}');
    const rows = cellsOf(printed()).slice(1);
    expect(rows.map((row) => row[3])).toEqual(['succeeded', 'unreadable', 'succeeded']);
    expect(rows[1]).toEqual([
      localTime(START + 1_000, 'seconds'),
      '-',
      '-',
      'unreadable',
      '-',
      '-',
      expect.stringContaining('format'),
    ]);
    const json = JSON.parse(printed({ json: true }));
    expect(Object.keys(json[1]).sort()).toEqual(Object.keys(json[0]).sort());
    expect(json[1]).toMatchObject({ result: 'unreadable', startedAt: ISO_START, reason: rows[1]?.[6], key: null });
  });

  test('are of a name only if it is a job’s', () => {
    write([runAt(START)]);
    expect([hasRuns(openRunLog(rig.storePath), 'n'), hasRuns(openRunLog(rig.storePath), 'other')]).toEqual([
      true,
      false,
    ]);
    expect(() => hasRuns(openRunLog(rig.storePath), '')).toThrow(MisuseError);
    const [run] = runs();
    if (run && 'run' in run) fs.writeFileSync(recordPath(rig.storePath, run.run), '');
    expect(hasRuns(openRunLog(rig.storePath), 'n')).toBe(true);
  });
});

const ISO_START = new Date(START + 1_000).toISOString();

test('a moment is printed by the local clock, and none that a record can have breaks it', () => {
  const noon = new Date(2026, 6, 1, 12, 5, 9);
  expect(localTime(noon.getTime(), 'seconds')).toBe('2026-07-01 12:05:09');
  expect(localTime(new Date(2026, 0, 1, 0, 0, 0).getTime(), 'seconds')).toBe('2026-01-01 00:00:00');
  expect(localTime(new Date(2026, 0, 1, 0, 0, 0, 7).getTime(), 'milliseconds')).toBe('2026-01-01 00:00:00.007');
  for (const ms of [0, 8.64e15, 8.64e15 - 0.5]) expect(localTime(ms, 'seconds')).toMatch(/^[+\d]\d+-\d\d-\d\d \d\d:/);
});

describe('lockstep history of a job', () => {
  test('shows the last 20, or as many as -n says; 0 is all', async () => {
    write(Array.from({ length: 23 }, (_, at) => runAt(START + at * 1_000, { code: at, outcome: 'failed' })));
    const codes = async (...options: string[]) => codesOf((await rig.run('history', 'n', ...options)).stdout);
    expect(await codes()).toEqual(Array.from({ length: 20 }, (_, at) => String(at + 3)));
    expect(await codes('-n', '2')).toEqual(['21', '22']);
    expect(await codes('-n0')).toHaveLength(23);
  });

  test('--since leaves out what was over by then, not what goes on, and counts only what it leaves', async () => {
    const now = Date.now();
    write([
      runAt(now - 3 * HOUR, { outcome: 'failed', code: 1 }),
      runAt(now - 3 * HOUR, { outcome: 'failed', code: 2, tookMs: 2.5 * HOUR }),
      runAt(now - 2.5 * HOUR, { outcome: null }),
      runningSince(now - 2.4 * HOUR),
      runAt(now - 2.3 * HOUR, { outcome: 'failed', code: 3 }),
      runAt(now - MINUTE, { outcome: 'failed', code: 4 }),
    ]);
    const shownSince = async (...options: string[]) => codesOf((await rig.run('history', 'n', ...options)).stdout);
    expect(await shownSince('--since', '1h')).toEqual(['2', '-', '4']);
    // Three, though one that is left out is newer than the first of them.
    expect(await shownSince('--since', '1h', '-n', '3')).toEqual(['2', '-', '4']);
    expect((await rig.run('history', 'n', '--since', 'yesterday')).status).toBe(64);
  });

  test('--output adds what it printed; --lock shows who came and went at its lock instead', async () => {
    expect((await rig.run('job', 'n', '--', 'sh', '-c', 'echo out; exit 3')).status).toBe(3);
    const plain = await rig.run('history', 'n');
    expect(cellsOf(plain.stdout)[1]?.slice(3, 5)).toEqual(['failed', '3']);
    expect((await rig.run('history', 'n', '--output')).stdout).toBe(`${plain.stdout}    out\n`);
    const [run, ...others] = JSON.parse((await rig.run('history', 'n', '--json')).stdout);
    expect({ others, run }).toMatchObject({ others: [], run: { result: 'failed', code: 3 } });
    const lock = await rig.run('history', 'n', '--lock', '--summary');
    expect(lock.stdout).toMatch(/^ENTERED .*END\n.* released\n1 acquisition; /s);
    const [span] = JSON.parse((await rig.run('history', 'n', '--lock', '--json')).stdout);
    expect(span).toMatchObject({ what: 'entry', end: 'left' });
  });

  test('says which options do not go together, or not with what the name is of', async () => {
    write([runAt(START)]);
    await rig.run('run', 'lock', '--', 'true');
    const said = async (...words: string[]) => {
      const { status, stdout, stderr } = await rig.run('history', ...words);
      expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
      return stderr;
    };
    expect(await said('n', '--lock', '--output')).toMatch(
      /^lockstep: --output and --lock exclude each other: only runs of a job have output\n/,
    );
    expect(await said('n', '--summary')).toMatch(
      /^lockstep: n is a job, and its runs have no summary: add --lock for its lock’s log, or omit --summary\n/,
    );
    expect(await said('lock', '--output')).toMatch(
      /^lockstep: lock is not a job, and only runs of a job have output: omit --output\n/,
    );
    expect(await said('n', '--since', '1h', '-n', '-1')).toMatch(
      /^lockstep: --number must be a whole number, 0 for all/,
    );
  });
});
