import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeHost } from '../../../../lib/host/node-host.ts';
import type { EntryView } from '../../../../lib/index.ts';
import { requestStop } from '../../../../lib/jobs/stop-request.ts';
import { sessionLifeline } from '../../../../lib/session/session.ts';
import { directoryOf } from '../../../../lib/stores/open-store.ts';
import { isAlive, type Program, until } from '../../../support/cli-rig.ts';
import { JobRig } from '../../../support/job-rig.ts';
import { ALIVE, runAt, writeRuns } from '../../../support/recorded-run.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

const SILENCE = { status: 0, stdout: '', stderr: '' };

/**
 * A command that detects another one in beside it, in two ways: by a file that only one can make (O_EXCL), and by a log of
 * comings and goings. It goes on until it is ended. That may be at any moment, so between the first trap and the last
 * sign there is nothing that SIGTERM could end but a `sleep`.
 */
const WATCHED = `
  trap 'ended=1' TERM
  set -C
  if true > inside; then mine=1; else echo "$$ met somebody" >> overlaps; fi
  echo + >> log
  echo in $$
  while [ -z "$ended" ]; do sleep 0.02; done
  # It takes its time to end: who does not wait for that would come in meanwhile.
  sleep 0.3
  echo - >> log
  [ -z "$mine" ] || rm inside
  exit 1`;

function watched(...options: string[]): Program {
  return rig.lockstep(['job', 'n', '-v', ...options, '-c', WATCHED]);
}

function expectNoOverlap(): void {
  expect(rig.exists('overlaps')).toBe(false);
  const signs = rig.read('log').trim().split('\n');
  expect(signs.length).toBeGreaterThan(1);
  for (const [at, sign] of signs.entries()) expect(sign).toBe(at % 2 === 0 ? '+' : '-');
}

describe('--overlap skip', () => {
  test('does nothing while another run is there, says nothing, and remembers which run that was', async () => {
    const gate = rig.gate('gate');
    const first = rig.worker('gate', 'n');
    await first.says('in ');
    expect(await rig.job('n', '--', 'touch', 'ran')).toEqual(SILENCE);
    const told = await rig.job('n', '-v', '--', 'touch', 'ran');
    expect(told).toMatchObject({ status: 0, stdout: '' });
    expect(told.stderr).toMatch(/^lockstep: n: skipped: another run is there: pid \d+ \(sh -c .*\n$/);
    expect((await rig.job('n', '-E', '9', '--', 'touch', 'ran')).status).toBe(9);
    expect(rig.exists('ran')).toBe(false);
    const runs = rig.runs();
    expect(rig.outcomes()).toEqual(['skipped', 'skipped', 'skipped', 'running']);
    for (const { run } of runs.slice(0, 3)) expect(run.ended?.by).toBe(runs[3]?.run.key);
    gate.open();
    expect((await first.ended).status).toBe(0);
  });

  test('--permits lets so many in', async () => {
    const gate = rig.gate('gate');
    const workers = [rig.worker('gate', 'n', '-p', '2'), rig.worker('gate', 'n', '-p', '2')];
    for (const worker of workers) await worker.says('in ');
    expect(await rig.job('n', '-p', '2', '--', 'touch', 'ran')).toEqual(SILENCE);
    expect(rig.exists('ran')).toBe(false);
    gate.open();
    await Promise.race(workers.map(({ ended }) => ended));
    expect(await rig.job('n', '-p', '2', '--', 'touch', 'ran')).toEqual(SILENCE);
    expect(rig.exists('ran')).toBe(true);
    gate.open();
  });
});

describe('--overlap wait', () => {
  test('lets all have their turn, in the order in which they came', async () => {
    const gate = rig.gate('gate');
    const first = rig.worker('gate', 'n');
    await first.says('in ');
    const waiters: Program[] = [];
    for (const number of [1, 2, 3]) {
      waiters.push(rig.lockstep(['job', 'n', '--overlap', 'wait', '-c', `echo ${number} >> turns`]));
      await rig.waits('n', number);
    }
    gate.open();
    for (const waiter of waiters) expect(await waiter.ended).toEqual(SILENCE);
    expect(rig.read('turns')).toBe('1\n2\n3\n');
  });

  test('gives up after --wait: exit 75, and names the holder', async () => {
    rig.gate('gate');
    const first = rig.worker('gate', 'n');
    await first.says('in ');
    const { status, stdout, stderr } = await rig.job('n', '--overlap', 'wait', '-w', '50ms', '--', 'touch', 'ran');
    expect({ status, stdout, ran: rig.exists('ran') }).toEqual({ status: 75, stdout: '', ran: false });
    expect(stderr).toMatch(/^lockstep: n: gave up: not acquired within 50ms: held by pid \d+ .*\n$/);
    const [late, early] = rig.runs();
    expect(late?.run.ended).toMatchObject({ outcome: 'gave-up', code: 75, by: early?.run.key });
    expect(await rig.job('n', '-q', '--overlap', 'wait', '-w', '0', '--', 'true')).toEqual({ ...SILENCE, status: 75 });
  });

  test('a job that waits for itself gets a deadlock error', async () => {
    const inner = 'lockstep job n --overlap wait -- true';
    const { status, stdout } = await rig.script(`lockstep job n -c '"$NODE" "$MAIN" ${inner.slice(9)}'`).letGo();
    expect(status).toBe(75);
    expect(stdout).toMatch(/gave up: n: a deadlock/);
    expect(rig.outcomes()).toEqual(['gave-up', 'failed']);
  });
});

describe('--overlap replace', () => {
  test('ends the run that is there, and then takes over; nobody else is signalled', async () => {
    const first = watched();
    const [, pid] = await first.says(/in (\d+)/);
    const second = watched('--overlap', 'replace');
    const { status, stdout, stderr } = await first.ended;
    // The shell may say that its `sleep` was terminated.
    expect([status, stdout.split('\n', 1)]).toEqual([143, [`in ${pid}`]]);
    expect(stderr).toMatch(new RegExp(`lockstep: n: was replaced by a newer run, pid ${second.pid} on .*\n$`));
    await second.says('in ');
    second.kill('SIGTERM');
    await second.ended;
    expectNoOverlap();
    const [late, early] = rig.runs();
    expect(early?.run.ended).toMatchObject({ outcome: 'replaced', code: 143, by: late?.run.key });
    expect(late?.run.ended).toMatchObject({ outcome: 'cancelled' });
    expect(fs.readdirSync(rig.jobDirectory()).filter((file) => !file.endsWith('.run'))).toEqual([]);
  });

  test('prints one line and no output of the replaced run, without -v too', async () => {
    const first = rig.lockstep(['job', 'n', '-c', 'echo noise; : > in; sleep 60']);
    await until('it is in', () => rig.exists('in'));
    expect(await rig.job('n', '--overlap', 'replace', '--', 'true')).toEqual(SILENCE);
    const { status, stdout, stderr } = await first.ended;
    expect({ status, stdout }).toEqual({ status: 143, stdout: '' });
    expect(stderr).toMatch(/^lockstep: n: was replaced by a newer run, pid \d+ on [^\n]*\n$/);
  });

  test('is polite first, and not after the kill-after of the run that it replaces', async () => {
    rig.gate('gate');
    const stubborn = "trap '' TERM; echo in; read -r _ < gate; read -r _ < gate";
    const first = rig.lockstep(['job', 'n', '-v', '--kill-after', '100ms', '-c', stubborn]);
    await first.says('in');
    expect(await rig.job('n', '--overlap', 'replace', '--', 'true')).toEqual(SILENCE);
    expect((await first.ended).status).toBe(143);
    expect(rig.runs()[1]?.run.attempts[0]?.exited?.signal).toBe('SIGKILL');
  });

  test('ends a run between two attempts, too, and one that waits in line or for its splay', async () => {
    const retrying = rig.lockstep(['job', 'n', '-v', '--retries', '1', '--backoff', '1000h', '--', 'false']);
    await retrying.says('once more', 'stderr');
    const splaying = rig.lockstep(['job', 'n', '--overlap', 'replace', '--splay', '1000h', '--', 'touch', 'ran']);
    await until('it waits for its splay', () => rig.runs().length === 2);
    expect(await rig.job('n', '--overlap', 'replace', '--', 'true')).toEqual(SILENCE);
    expect((await retrying.ended).status).toBe(143);
    expect((await rig.job('n', '--overlap', 'replace', '--', 'true')).status).toBe(0);
    // Only a run in the way is asked: the splaying one was not, because the lock was free by then.
    splaying.kill('SIGTERM');
    await splaying.ended;
    expect(rig.exists('ran')).toBe(false);
  });

  test('of several that wait, the newest is left', async () => {
    const holder = await rig.hold('n');
    const early = rig.lockstep(['job', 'n', '--overlap', 'replace', '--', 'touch', 'early']);
    await rig.waits('n', 1);
    const late = rig.lockstep(['job', 'n', '--overlap', 'replace', '--', 'touch', 'late']);
    const { status, stderr } = await early.ended;
    expect(status).toBe(75);
    expect(stderr).toMatch(
      new RegExp(`^lockstep: n: was replaced before its command began by a newer run, pid ${late.pid} on .*\n$`),
    );
    await holder.letGo();
    expect(await late.ended).toEqual(SILENCE);
    expect([rig.exists('early'), rig.exists('late')]).toEqual([false, true]);
    expect(rig.outcomes()).toEqual(['succeeded', 'replaced']);
  });

  test('ends a run that started later, too, if that was in line before it: nobody else would', async () => {
    const holder = await rig.hold('n');
    const newer = rig.lockstep(['job', 'n', '-v', '--overlap', 'wait', '-c', 'echo in; exec sleep 600']);
    await rig.waits('n', 1);
    // As if it had started an hour ago, and come late.
    const behind = encodeURI('data:text/javascript,const now = Date.now; Date.now = () => now() - 3_600_000;');
    const env = { NODE_OPTIONS: `--import="${behind}"` };
    const late = rig.lockstep(['job', 'n', '--overlap', 'replace', '--', 'touch', 'ran'], { env });
    await rig.waits('n', 2);
    await holder.letGo();
    await newer.says('in');
    expect(await late.ended).toEqual(SILENCE);
    expect((await newer.ended).status).toBe(143);
    expect(rig.exists('ran')).toBe(true);
  });

  test('many at once: one is left, all others are replaced, and no two ever run together', async () => {
    const first = watched();
    await first.says('in ');
    const others = Array.from({ length: 8 }, () => watched('--overlap', 'replace'));
    await until('one is left', () => others.filter(({ running }) => running).length <= 1 && !first.running);
    const [left] = others.filter(({ running }) => running);
    await left?.says('in ');
    left?.kill('SIGTERM');
    for (const program of [first, ...others]) expect([75, 143]).toContain((await program.ended).status);
    expectNoOverlap();
    expect(rig.outcomes().sort()).toEqual(['cancelled', ...Array(8).fill('replaced')]);
    expect(await rig.entries('n')).toEqual([]);
  });

  test('with --permits it ends the oldest, and only if there is no room', async () => {
    const options = ['-p', '2', '--overlap', 'replace'];
    const oldest = rig.worker('gate', 'n', ...options);
    const gate = rig.gate('gate');
    await oldest.says('in ');
    const second = rig.worker('gate', 'n', ...options);
    await second.says('in ');
    const third = rig.worker('gate', 'n', ...options);
    await third.says('in ');
    expect((await oldest.ended).status).toBe(143);
    expect([second.running, third.running]).toEqual([true, true]);
    gate.open();
    gate.open();
    await Promise.all([second.ended, third.ended]);
    expect(rig.outcomes()).toEqual(['succeeded', 'succeeded', 'replaced']);
  });

  test('with --permits a run that died in line in another pid namespace counts for nothing', async () => {
    const options = ['-p', '2', '--overlap', 'replace'];
    const oldest = rig.worker('gate', 'n', ...options);
    const gate = rig.gate('gate');
    await oldest.says('in ');
    const second = rig.worker('gate', 'n', ...options);
    await second.says('in ');
    const facts = { ...ALIVE, namespace: 1 };
    const waited = runAt(Date.now(), { facts, session: 'dead', outcome: null, waitedMs: null });
    writeRuns(rig.storePath, [waited]);
    execFileSync('mkfifo', [`${rig.storePath}/sessions/${sessionLifeline({ key: 'dead', facts })}`]);
    const third = rig.worker('gate', 'n', ...options);
    await third.says('in ');
    expect((await oldest.ended).status).toBe(143);
    gate.open();
    gate.open();
    await Promise.all([second.ended, third.ended]);
    expect(rig.outcomes()).toEqual(['succeeded', 'lost', 'succeeded', 'replaced']);
  });

  test('with --permits a run that has recorded its end, and still holds, makes no other one end', async () => {
    const gate = rig.gate('gate');
    const options = ['-p', '2', '--overlap', 'replace'];
    const stays = rig.worker('gate', 'n', ...options);
    await stays.says('in ');
    const ending = await rig.hold('n', '-p', '2');
    const [, { since, owners }] = (await rig.entries('n')) as [unknown, EntryView];
    const facts = { ...ALIVE, pid: owners[0]?.pid as number };
    writeRuns(rig.storePath, [runAt(since, { facts, tookMs: Date.now() - since })]);
    expect(await rig.job('n', ...options, '-w', '300ms', '--', 'touch', 'ran')).toMatchObject({ status: 75 });
    await ending.letGo();
    gate.open();
    expect(await stays.ended).toMatchObject({ status: 0 });
    expect(rig.outcomes()).toEqual(['gave-up', 'succeeded', 'succeeded']);
  });

  test('a holder that is no run of a job cannot be stopped: it gives up in time, with that reason', async () => {
    const holder = await rig.hold('n');
    const args = ['--overlap', 'replace', '-w', '100ms', '--', 'touch', 'ran'];
    const { status, stdout, stderr } = await rig.job('n', ...args);
    expect({ status, stdout, ran: rig.exists('ran') }).toEqual({ status: 75, stdout: '', ran: false });
    expect(stderr).toMatch(
      /^lockstep: n: gave up: not taken over within 100ms: held by pid \d+ .*; that is no run of a job, so it cannot be asked to end\n$/,
    );
    expect(holder.running).toBe(true);
    expect(rig.ended()).toMatchObject({ outcome: 'gave-up', code: 75 });
    expect(await rig.entries('n')).toHaveLength(1);
  });

  test('a command whose `lockstep job` was killed cannot be asked, and is not signalled', async () => {
    const gate = rig.gate('gate');
    const first = rig.worker('gate', 'n');
    const [, command] = await first.says(/in (\d+)/);
    first.kill('SIGKILL');
    await first.exited();
    const { status, stderr } = await rig.job('n', '--overlap', 'replace', '-w', '100ms', '--', 'true');
    expect(status).toBe(75);
    expect(stderr).toMatch(
      new RegExp(`its \`lockstep job\` is gone, so nobody is left to end its command \\(pid ${command}\\)`),
    );
    expect(isAlive(Number(command))).toBe(true);
    gate.open();
    expect(await rig.job('n', '--overlap', 'replace', '--', 'true')).toEqual(SILENCE);
  });

  test('a damaged request stops a run too; one to a run that is over has no effect', async () => {
    const gate = rig.gate('gate');
    const first = rig.worker('gate', 'n');
    await first.says('in ');
    const { run } = rig.last();
    fs.writeFileSync(`${rig.jobDirectory()}/${String(run.at).padStart(15, '0')}-${run.key}.end`, '{"key":');
    expect((await first.ended).status).toBe(143);
    expect(rig.ended()).toMatchObject({ outcome: 'replaced', by: '' });
    requestStop(nodeHost, directoryOf(rig.storePath), run, { key: 'abc', pid: 1, host: 'x', at: 1 });
    const second = rig.worker('gate', 'n');
    await second.says('in ');
    gate.open();
    expect((await second.ended).status).toBe(0);
  });
});

describe('a `lockstep job` that is killed (SIGKILL)', () => {
  test('while it waits: its command never begins, and it is lost', async () => {
    const holder = await rig.hold('n');
    const waiter = rig.lockstep(['job', 'n', '--overlap', 'wait', '--', 'touch', 'ran']);
    await rig.waits('n', 1);
    waiter.kill('SIGKILL');
    await waiter.ended;
    await holder.letGo();
    expect(await rig.job('n', '--', 'true')).toEqual(SILENCE);
    expect(rig.exists('ran')).toBe(false);
    expect(rig.outcomes()).toEqual(['succeeded', 'lost']);
  });

  test('leaves its command running and protected until it ends, or prints; it is lost only when that is gone too', async () => {
    const gate = rig.gate('gate');
    const command =
      'mkdir inside || echo met >> overlaps; echo begun; : > in; read -r _ < gate; rmdir inside; echo out > out; echo done; : > on';
    const program = rig.lockstep(['job', 'n', '-c', command]);
    await until('it is in', () => rig.exists('in') && rig.tail(rig.last().run) !== '');
    program.kill('SIGKILL');
    await program.exited();
    expect(rig.last().state).toBe('running');
    // The next line of cron.
    const next = `lockstep job n -c 'mkdir inside || echo met >> overlaps; rmdir inside; echo next >> log'`;
    expect(await rig.cron(next).ended).toEqual(SILENCE);
    expect(rig.exists('log')).toBe(false);
    expect(rig.outcomes()).toEqual(['skipped', 'running']);
    gate.open();
    await until('it has ended', () => rig.exists('out') && rig.outcomes()[1] === 'lost');
    // Nobody reads what it prints: SIGPIPE, as under cron.
    expect(rig.exists('on')).toBe(false);
    expect(await rig.cron(next).ended).toEqual(SILENCE);
    expect(rig.read('log')).toBe('next\n');
    expect(rig.exists('overlaps')).toBe(false);
    const { run } = rig.runs()[2] ?? {};
    expect(run?.key === undefined ? '' : rig.tail(run)).toBe('begun\n');
  });

  test('and its command with it: the next run gets in', async () => {
    const program = rig.lockstep(['job', 'n', '-v', '-c', 'echo in $$; exec sleep 60']);
    const [, command] = await program.says(/in (\d+)/);
    program.kill('SIGKILL');
    process.kill(Number(command), 'SIGKILL');
    await program.exited();
    expect(await rig.job('n', '--overlap', 'wait', '--', 'true')).toEqual(SILENCE);
    expect(rig.outcomes()).toEqual(['succeeded', 'lost']);
  });
});
