import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JobRig } from '../../../support/job-rig.ts';
import { runAt, writeRuns } from '../../../support/recorded-run.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

const SILENT = { status: 0, stdout: '', stderr: '' };

function job(env: Record<string, string>, ...args: string[]) {
  return rig.lockstep(['job', 'n', ...args, '--', 'touch', 'ran'], { env, input: '' }).ended;
}

/** The environment of a program to which this is the time. */
function at(time: string): Record<string, string> {
  return { NODE_OPTIONS: `--import "data:text/javascript,Date.now = () => ${Date.parse(time)}"` };
}

describe('--expect', () => {
  test.each([
    ['that of the job, by its TZ', { TZ: 'Asia/Tokyo', CRON_TZ: '' }, [], 'Asia/Tokyo'],
    ['that of CRON_TZ before it', { TZ: 'UTC', CRON_TZ: 'Asia/Tokyo' }, [], 'Asia/Tokyo'],
    ['that of --tz before all', { TZ: 'UTC', CRON_TZ: 'UTC' }, ['--tz', 'asia/tokyo'], 'Asia/Tokyo'],
  ])('is in the zone of the job, stored with the run, wherever it is checked: %s', async (_, env, options, zone) => {
    expect(await job(env, '--expect', '0 3 * * *', ...options)).toEqual(SILENT);
    const { stdout } = await rig.lockstep(['jobs', '--json'], { env: { TZ: 'America/New_York' }, input: '' }).ended;
    const [verdict] = JSON.parse(stdout);
    expect(verdict).toMatchObject({ zone, newest: { plan: { zone } } });
    // Three o'clock in Tokyo, which has no summer time.
    expect(verdict.dueAt).toMatch(/T18:00:00\.000Z$/);
  });

  test('names the zone where a success is missing', async () => {
    const plan = { expect: '0 3 * * *', zone: 'Asia/Tokyo' };
    writeRuns(rig.storePath, [runAt(Date.now() - 9 * 86_400_000, { plan })]);
    const { stdout } = await rig.run('jobs', '--check');
    expect(stdout).toMatch(/^n: late: expected 8d (\d+h )?ago \(0 3 \* \* \* in Asia\/Tokyo, grace 10m\)/);
  });

  test('of a record whose zone is not known here makes the job unknown, with the reason', async () => {
    writeRuns(rig.storePath, [runAt(Date.now() - 1_000, { plan: { expect: '@daily', zone: 'Mars/Base' } })]);
    const { status, stdout } = await rig.run('jobs', '--check');
    expect([status, stdout]).toEqual([
      1,
      expect.stringContaining("in the time zone 'Mars/Base', which is not known here"),
    ]);
  });

  test.each([
    [
      {},
      ['--tz', 'Europe/Berlni', '--expect', '@daily'],
      "--tz takes the name of a time zone, such as Europe/Berlin or UTC, not 'Europe/Berlni'",
    ],
    [{}, ['--tz', '', '--expect', '@daily'], '--tz'],
    [{}, ['--tz', 'UTC'], '--tz needs --expect, or --every'],
    [
      { TZ: 'CET-1CEST,M3.5.0,M10.5.0/3', CRON_TZ: '' },
      ['--expect', '@daily'],
      "TZ is 'CET-1CEST,M3.5.0,M10.5.0/3', which is none that is known here: name the zone with --tz",
    ],
    [{ CRON_TZ: 'nowhere' }, ['--expect', '@daily'], "CRON_TZ is 'nowhere'"],
  ])('with %j and %j is refused in words, and the command does not begin', async (env, options, words) => {
    const { status, stderr } = await job(env, ...options);
    expect(status).toBe(64);
    expect(stderr).toContain(words);
    expect(rig.exists('ran')).toBe(false);
  });

  test('as an interval minds no TZ without a name', async () => {
    expect(await job({ TZ: 'CET-1CEST,M3.5.0,M10.5.0/3', CRON_TZ: '' }, '--expect', 'every 1h')).toEqual(SILENT);
  });
});

describe('--every 1d', () => {
  test.each([
    [
      'is due 23 hours after the start of the last success where summer time begins',
      '2026-03-28T03:00:00+01:00',
      '2026-03-29T03:00:00+02:00',
      true,
    ],
    ['is not due 23 hours after it on another day', '2026-06-17T03:00:00+02:00', '2026-06-18T02:00:00+02:00', false],
    [
      'is due 24 hours after it also where summer time ends',
      '2026-10-24T03:00:00+02:00',
      '2026-10-25T02:00:00+01:00',
      true,
    ],
  ])('%s', async (_, success, now, isDue) => {
    writeRuns(rig.storePath, [runAt(Date.parse(success))]);
    expect(await job(at(now), '--every', '1d', '--tz', 'Europe/Berlin')).toEqual(SILENT);
    expect(rig.exists('ran')).toBe(isDue);
  });
});
