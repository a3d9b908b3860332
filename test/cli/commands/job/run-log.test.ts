import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runFile } from '../../../../lib/jobs/record-format.ts';
import { until } from '../../../support/cli-rig.ts';
import { JobRig } from '../../../support/job-rig.ts';
import { runAt, writeRuns } from '../../../support/recorded-run.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

/** Makes a job's only run into many older ones, that all ended so; the oldest is `count` minutes older. */
function multiply(count: number, outcome: string): void {
  const { run } = rig.last();
  const text = fs.readFileSync(`${rig.jobDirectory()}/${runFile(run)}`, 'utf8');
  for (let number = 1; number <= count; number++) {
    const copy = { at: run.at - number * 60_000, key: `copy${number}` };
    const changed = text
      .replace(`"key":"${run.key}"`, `"key":"${copy.key}"`)
      .replace(`"at":${run.at}`, `"at":${copy.at}`)
      .replace(/"outcome":"[a-z-]+"/, `"outcome":"${outcome}"`);
    fs.writeFileSync(`${rig.jobDirectory()}/${runFile(copy)}`, changed);
  }
}

describe('the run log', () => {
  test('--keep: so many runs that began, and always the last success', async () => {
    await rig.job('n', '--', 'true');
    multiply(1, 'succeeded');
    multiply(30, 'failed');
    const oldest = rig.runs().at(-1)?.run;
    rig.rewrite(oldest, (text) => text.replace('"outcome":"failed"', '"outcome":"succeeded"'));
    rig.rewrite(rig.last().run, (text) => text.replace('"outcome":"succeeded"', '"outcome":"failed"'));
    await rig.job('n', '--keep', '5', '--', 'false');
    expect(rig.outcomes()).toEqual([...Array(5).fill('failed'), 'succeeded']);
    expect(rig.runs().at(-1)?.run.key).toBe(oldest?.key);
    // While a run goes on, it may still become a newer success.
    await rig.job('n', '--keep', '2', '--', 'true');
    expect(rig.outcomes()).toEqual(['succeeded', 'failed', 'succeeded']);
    await rig.job('n', '--keep', '2', '--', 'true');
    expect(rig.outcomes()).toEqual(['succeeded', 'succeeded']);
  });

  test('is a hundred runs that began where nothing is said, and twenty that did not, which push out none of them', async () => {
    await rig.job('n', '--', 'false');
    multiply(150, 'failed');
    const first = rig.runs().at(-1)?.run.key;
    await rig.hold('n');
    const now = Date.now();
    const skipped = { outcome: 'skipped', tookMs: null, code: 0, by: first ?? '' } as const;
    writeRuns(
      rig.storePath,
      Array.from({ length: 21 }, (_, count) => runAt(now + count, skipped)),
    );
    await rig.job('n', '--', 'true');
    // And the first, since which it has never succeeded.
    expect(rig.outcomes()).toEqual([...Array(20).fill('skipped'), ...Array(101).fill('failed')]);
    expect(rig.runs().at(-1)?.run.key).toBe(first);
  });

  test('a success lists how long those before it took, so that its record is enough; a run that failed lists nothing', async () => {
    const earlierMs = () => rig.last().run.ended?.earlierMs;
    writeRuns(
      rig.storePath,
      Array.from({ length: 30 }, (_, at) => runAt(at, { tookMs: at, outcome: at % 2 === 0 ? 'succeeded' : 'failed' })),
    );
    await rig.job('n', '--', 'true');
    expect(earlierMs()).toEqual(Array.from({ length: 15 }, (_, at) => 28 - 2 * at));
    multiply(5, 'succeeded');
    await rig.job('n', '--', 'true');
    expect(earlierMs()).toHaveLength(19);
    await rig.job('n', '--', 'false');
    expect(earlierMs()).toBeUndefined();
  });

  test('a run that is not over is kept, whatever its age', async () => {
    const gate = rig.gate('gate');
    const worker = rig.worker('gate', 'n', '-p', '2');
    await worker.says('in ');
    rig.backdate('n', 400 * 86_400_000);
    for (let count = 0; count < 3; count++) await rig.job('n', '-p', '2', '--keep', '1', '--', 'true');
    expect(rig.outcomes()).toEqual(['succeeded', 'succeeded', 'running']);
    gate.open();
    expect((await worker.ended).status).toBe(0);
  });

  test('the output of a lost run is removed with its record; the files that a crash left beside an ended run are removed before', async () => {
    const program = rig.lockstep(['job', 'n', '-c', 'echo last words; : > in; exec sleep 60']);
    await until('its words are in the store', () => rig.exists('in') && rig.tail(rig.last().run) !== '');
    const { run } = rig.last();
    program.kill('SIGKILL');
    process.kill(run.attempts[0]?.facts.pid ?? 0, 'SIGKILL');
    await program.exited();
    await rig.job('n', '--overlap', 'wait', '--', 'true');
    const lost = rig.runs()[1];
    expect([lost?.state, lost && rig.tail(lost.run)]).toEqual(['lost', 'last words\n']);
    const old = new Date(Date.now() - 120_000);
    for (const file of ['.next.abc', '000000000000001-gone.output', '000000000000001-gone.end']) {
      fs.writeFileSync(`${rig.jobDirectory()}/${file}`, 'x');
      fs.utimesSync(`${rig.jobDirectory()}/${file}`, old, old);
    }
    fs.writeFileSync(`${rig.jobDirectory()}/.next.new`, 'x');
    await rig.job('n', '--keep', '2', '--', 'true');
    expect(fs.readdirSync(rig.jobDirectory()).sort()).toEqual([
      '.next.new',
      ...rig
        .runs()
        .map(({ run: kept }) => runFile(kept))
        .reverse(),
    ]);
    expect(rig.outcomes()).toEqual(['succeeded', 'succeeded']);
  });

  test('a foreign file is left alone, and hides no run', async () => {
    await rig.job('n', '--', 'true');
    const strange = [
      'notes.txt',
      '000000000000001-later.run',
      '000000000000002-directory.run',
      '000000000000003-link.run',
    ];
    fs.writeFileSync(`${rig.jobDirectory()}/${strange[0]}`, 'x');
    fs.writeFileSync(`${rig.jobDirectory()}/${strange[1]}`, '{"lockstep":"run","version":2}');
    fs.mkdirSync(`${rig.jobDirectory()}/${strange[2]}`);
    fs.symlinkSync('/dev/zero', `${rig.jobDirectory()}/${strange[3]}`);
    await rig.job('n', '--', 'true');
    await rig.job('n', '--keep', '1', '--', 'true');
    expect(rig.outcomes()).toEqual(['succeeded', 'succeeded']);
    expect(fs.readdirSync(rig.jobDirectory())).toEqual(expect.arrayContaining(strange));
  });
});

describe('a store that cannot be written', () => {
  test('before the command begins: it does not begin, and it is said what to do', async () => {
    fs.mkdirSync(rig.storePath, { mode: 0o700 });
    fs.writeFileSync(`${rig.storePath}/jobs`, 'not a directory');
    const { status, stdout, stderr } = await rig.job('n', '-q', '--', 'touch', 'ran');
    expect({ status, stdout, ran: rig.exists('ran') }).toEqual({ status: 74, stdout: '', ran: false });
    expect(stderr).toMatch(
      /^lockstep: n: the command did not begin, because its run could not be recorded:\nlockstep: n: cannot write .*\(ENOTDIR\)\. \S.*\n$/,
    );
    expect(await rig.entries('n')).toEqual([]);
    fs.rmSync(`${rig.storePath}/jobs`);
  });

  test('a full disk, before: it does not begin; after: its status is passed on', async ({ skip }) => {
    fs.mkdirSync(rig.storePath, { mode: 0o700 });
    const mount = ['-t', 'tmpfs', '-o', 'size=512k,mode=0700', 'lockstep-test', rig.storePath];
    if (spawnSync('mount', mount).status !== 0) return skip('only root may mount a small file system');
    try {
      const fill = `cat /dev/zero > ${rig.storePath}/fill`;
      // A record's last page may have some room, but not for that much of a tail.
      const { status, stdout, stderr } = await rig.job(
        'n',
        '-c',
        `head -c 8192 /dev/zero; ${fill} 2>/dev/null; exit 7`,
      );
      expect(status).toBe(7);
      expect(stdout === '\0'.repeat(8_192)).toBe(true);
      expect(stderr).toMatch(/n: cannot write the record of a run .*\(ENOSPC\)\. Free some, then try again\. .*\n/);
      expect(stderr).toMatch(/n: failed with exit code 7 /);
      // What that run had printed is gone by now, and there is room again.
      spawnSync('sh', ['-c', `cat /dev/zero >> ${rig.storePath}/fill`], { stdio: 'ignore' });
      const before = await rig.job('n', '--', 'touch', rig.path('ran'));
      expect({ status: before.status, ran: rig.exists('ran') }).toEqual({ status: 74, ran: false });
      expect(before.stderr).toMatch(/did not begin.*\n.*ENOSPC/);
      fs.rmSync(`${rig.storePath}/fill`);
      expect((await rig.job('n', '--', 'touch', rig.path('ran'))).status).toBe(0);
      expect(rig.exists('ran')).toBe(true);
    } finally {
      spawnSync('umount', ['-l', rig.storePath]);
    }
  });

  test('a disk that is full when its turn comes: it does not begin, and does not keep the lock', async ({ skip }) => {
    fs.mkdirSync(rig.storePath, { mode: 0o700 });
    const mount = ['-t', 'tmpfs', '-o', 'size=512k,mode=0700', 'lockstep-test', rig.storePath];
    if (spawnSync('mount', mount).status !== 0) return skip('only root may mount a small file system');
    try {
      // A record whose first page is full but for a few bytes: no event has room in it.
      const args = (spaces: number) => ['--overlap', 'wait', '--expect', `every ${' '.repeat(spaces)}1h`, '--'];
      await rig.job('n', ...args(1), 'touch', 'ran.txt');
      const { run } = rig.last();
      const first = fs.readFileSync(`${rig.jobDirectory()}/${runFile(run)}`, 'utf8').split('\n', 1)[0] ?? '';
      const holder = await rig.hold('n');
      const waiter = rig.lockstep(['job', 'n', ...args(4096 - 16 - first.length), 'touch', 'ran']);
      await rig.waits('n', 1);
      spawnSync('sh', ['-c', `cat /dev/zero > ${rig.storePath}/fill`], { stdio: 'ignore' });
      await holder.letGo();
      const { status, stderr } = await waiter.ended;
      expect({ status, ran: rig.exists('ran') }).toEqual({ status: 74, ran: false });
      expect(stderr).toMatch(/^lockstep: n: cannot write the record of a run .*\(ENOSPC\)/m);
      fs.rmSync(`${rig.storePath}/fill`);
      expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(0);
    } finally {
      spawnSync('umount', ['-l', rig.storePath]);
    }
  });
});
