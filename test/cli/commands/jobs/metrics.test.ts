import fs from 'node:fs';
import fc from 'fast-check';
import parse, { type Family } from 'parse-prometheus-text-format';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { metricsText } from '../../../../cli/commands/jobs/metrics.ts';
import { shownLines } from '../../../../cli/text/escape.ts';
import { judgeJob } from '../../../../lib/jobs/health.ts';
import type { Run } from '../../../../lib/jobs/run.ts';
import { Rig } from '../../../support/cli-rig.ts';
import { DAY, HOUR, MINUTE, runAt, runningSince, writeRuns } from '../../../support/recorded-run.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const DAILY = { expect: 'every 24h', graceMs: HOUR } as const;

function write(...runs: Run[]): void {
  writeRuns(rig.storePath, runs);
}

/** What a parser makes of it: by metric and by job. */
function samplesIn(text: string): Record<string, Record<string, number>> {
  const families: Family[] = parse(text);
  const named = families.map(({ name, metrics }) => [
    name.replace(/^lockstep_job_/, ''),
    Object.fromEntries(metrics.map(({ labels, value }) => [labels?.job, Number(value)])),
  ]);
  return Object.fromEntries(named);
}

async function metrics(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await rig.run('jobs', '--prometheus', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('jobs --prometheus', () => {
  test('gives the known values of every job, in seconds', async () => {
    const now = Date.now();
    write(
      runAt(now - 30 * HOUR, { job: 'a', plan: DAILY, tookMs: 2_500 }),
      runAt(now - 3 * HOUR, { job: 'a', plan: DAILY, outcome: 'failed', code: 3, tookMs: 1_500 }),
      runningSince(now - MINUTE, { job: 'a', plan: { ...DAILY, permits: 2 } }),
      runningSince(now - MINUTE, { job: 'a', plan: { ...DAILY, permits: 2 }, waitedMs: null }),
      runAt(now - 1, { job: 'a', plan: { ...DAILY, permits: 2 }, outcome: 'skipped', waitedMs: null, tookMs: null }),
      runAt(now - HOUR, { job: 'lost', outcome: null }),
      runningSince(now - DAY, { job: 'stuck', plan: { timeoutMs: HOUR } }),
    );
    expect(samplesIn(await metrics('a', 'lost', 'stuck', 'never'))).toEqual({
      last_run_timestamp_seconds: { a: (now - 3 * HOUR) / 1_000, lost: (now - HOUR) / 1_000 },
      last_success_timestamp_seconds: { a: (now - 30 * HOUR) / 1_000 },
      last_duration_seconds: { a: 1.5 },
      typical_duration_seconds: { a: 2.5 },
      last_exit_code: { a: 3 },
      running: { a: 1, lost: 0, stuck: 1, never: 0 },
      waiting: { a: 1, lost: 0, stuck: 0, never: 0 },
      skipped_in_a_row: { a: 1, lost: 0, stuck: 0, never: 0 },
      late: { a: 1, lost: 0, stuck: 0, never: 0 },
      failed: { a: 1, lost: 1, stuck: 0, never: 0 },
      stuck: { a: 0, lost: 0, stuck: 1, never: 0 },
      unknown: { a: 0, lost: 0, stuck: 0, never: 1 },
      next_due_timestamp_seconds: { a: (now - 6 * HOUR) / 1_000 },
    });
  });

  test('describes every metric', async () => {
    write(runAt(Date.now() - HOUR, { plan: DAILY }));
    const families = parse(await metrics());
    expect(families).toHaveLength(13);
    for (const { name, help, type } of families) {
      expect([name, type]).toEqual([expect.stringMatching(/^lockstep_job_[a-z_]+$/), 'GAUGE']);
      expect(help).toMatch(/^[A-Z].*\.$/);
    }
  });

  test('has every name a job can have as it is, but for characters that are not seen, which are escaped', async () => {
    const name = fc.string({
      unit: fc.oneof(
        fc.constantFrom('"', '\\', '\n', 'n', '{', '}', ',', '=', '#', '😀', ' '),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
      ),
      minLength: 1,
      maxLength: 30,
    });
    const verdict = judgeJob(
      [runAt(1)].map((run) => ({ run, state: 'ended', orphaned: false, stopped: null, unseen: false })),
      2,
    );
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 5, selector: shownLines }), async (names) => {
        const text = await metricsText(names.map((name) => ({ name, verdict })));
        const failed = parse(text).find(({ name }) => name === 'lockstep_job_failed');
        expect(failed?.metrics.map(({ labels }) => labels?.job)).toEqual(names.map(shownLines));
        // One line for each sample, whatever is in the name.
        expect(text.split('\n').filter((line) => line.startsWith('lockstep_job_failed{'))).toHaveLength(names.length);
      }),
    );
  });

  test('has a hostile name through the command line, too', async () => {
    const job = 'a"b\\c\nd\\n😀 {x="y"} 1';
    write(runAt(Date.now() - HOUR, { job }));
    expect(samplesIn(await metrics())).toMatchObject({ failed: { [job]: 0 } });
  });
});

describe('jobs --prometheus -o', () => {
  test('prints nothing, and replaces the file atomically: a reader of the old file reads it to its end', async () => {
    write(runAt(Date.now() - HOUR));
    const file = rig.write('jobs.prom', 'old\n', 0o640);
    const reader = fs.openSync(file, 'r');
    try {
      expect(await metrics('-o', 'jobs.prom')).toBe('');
      expect(samplesIn(rig.read('jobs.prom'))).toMatchObject({ failed: { n: 0 } });
      expect(fs.readFileSync(reader, 'utf8')).toBe('old\n');
    } finally {
      fs.closeSync(reader);
    }
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
    expect(fs.readdirSync(rig.directory).sort()).toEqual(['jobs.prom', 'store']);
  });

  test('makes one that its collector may read, whatever the umask; one that is there keeps its mode', async () => {
    write(runAt(Date.now() - HOUR));
    rig.write('old.prom', '', 0o600);
    const both = 'umask 077; for file in new old; do lockstep jobs --prometheus -o $file.prom; done';
    expect((await rig.script(both, { input: '' }).ended).stderr).toBe('');
    expect(['new', 'old'].map((name) => fs.statSync(rig.path(`${name}.prom`)).mode & 0o777)).toEqual([0o644, 0o600]);
  });

  test('replaces a link that somebody planted, and not what it leads to', async () => {
    write(runAt(Date.now() - HOUR));
    rig.write('victim', 'precious', 0o600);
    fs.symlinkSync(rig.path('victim'), rig.path('jobs.prom'));
    expect(await metrics('-o', 'jobs.prom')).toBe('');
    expect(rig.read('victim')).toBe('precious');
    const { mode } = fs.lstatSync(rig.path('jobs.prom'));
    expect(mode & 0o777).toBe(0o644);
    expect(samplesIn(rig.read('jobs.prom'))).toMatchObject({ failed: { n: 0 } });
    // A link of the system means what it leads to.
    expect(samplesIn(await metrics('-o', '/dev/stdout'))).toMatchObject({ failed: { n: 0 } });
  });

  test('reports that it cannot be written, and exits 74', async () => {
    write(runAt(Date.now() - HOUR));
    const { status, stdout, stderr } = await rig.run('jobs', '--prometheus', '-o', 'nowhere/jobs.prom');
    expect({ status, stdout }).toEqual({ status: 74, stdout: '' });
    expect(stderr).toMatch(/^lockstep: nowhere\/jobs\.prom: cannot be written: its directory is not there.*\n$/);
  });
});
