import prettyMs from 'pretty-ms';
import { openStore } from '../../../lib/disk/open-store.ts';
import type { Sink } from '../../../lib/jobs/output-spool.ts';
import { Lease } from '../../../lib/primitives/lease.ts';
import { later } from '../../../lib/time/timer.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import { admit } from './admission.ts';
import { attempt } from './attempt.ts';
import { endOfAttempt, type JobEnd, mayRetry } from './outcome.ts';
import { Pings } from './ping.ts';
import type { JobArguments } from './plan.ts';
import { type JobPlan, planOf } from './plan.ts';
import { JobRun } from './run.ts';
import { print, sinksOf } from './sinks.ts';

const MAX_BACKOFF_MS = 3_600_000;
/** Of `--every`: cron is not to the second, and a daily job must not miss each second day. */
const SLACK = 0.01;
const MAX_SLACK_MS = 60_000;

export async function runJob(args: JobArguments): Promise<never> {
  const plan = await planOf(args);
  const sinks = sinksOf(plan);
  const run = begin(plan, args.dir);
  const pings = plan.ping && new Pings(plan.ping, (why) => plan.verbose && say(`${plan.name}: ${why}`));
  try {
    const end = await run.settle(() => courseOf(run, sinks, pings));
    // What happened stands; who is told to go now need tell nobody.
    run.stop.over(() => {
      run.close();
      process.exit(end.code);
    });
    await tell(run, end);
    await report(run, end, pings);
    throw end.error ?? new Exit(end.code);
  } finally {
    run.close();
  }
}

function begin(plan: JobPlan, dir: string | undefined): JobRun {
  try {
    return new JobRun(plan, openStore(dir));
  } catch (error) {
    say(`${plan.name}: its command was not begun, for it could not be written down:`);
    throw error;
  }
}

async function courseOf(run: JobRun, sinks: readonly Sink[], pings: Pings | null): Promise<JobEnd> {
  const { splayMs } = run.plan;
  if (splayMs > 0) await run.stop.duringWait((over) => later(Math.random() * splayMs, over));
  run.check();
  const notDue = ifNotDue(run);
  if (notDue) return notDue;
  const admitted = await admit(run);
  if (!(admitted instanceof Lease)) return admitted;
  try {
    // Its end is written down before another run can come in.
    return await run.settle(async () => ifNotDue(run) ?? (await attempts(run, admitted, sinks, pings)));
  } finally {
    await giveBack(admitted);
  }
}

async function attempts(run: JobRun, lease: Lease, sinks: readonly Sink[], pings: Pings | null): Promise<JobEnd> {
  const { retries } = run.plan.record;
  const output = run.openSpool(sinks).childFd;
  const onBegan = () => {
    if (!run.began) pings?.start();
    run.hasBegun();
  };
  for (let number = 1; ; number++) {
    run.check();
    const end = endOfAttempt(await attempt(run, lease, { output, number, onBegan }));
    run.stop.check();
    if (number > retries || !mayRetry(end)) return end;
    const restMs = backoffOf(run.plan, number);
    if (run.plan.verbose) say(`${run.plan.name}: ${end.told}; once more in ${prettyMs(restMs)}`);
    await run.stop.duringWait((over) => later(restMs, over));
  }
}

/** Twice as long each time, and not the same for all that failed at the same moment. */
function backoffOf({ backoffMs }: JobPlan, number: number): number {
  return Math.min(backoffMs * 2 ** (number - 1), MAX_BACKOFF_MS) * (0.9 + 0.2 * Math.random());
}

/**
 * The age of a success is counted from its start: a job of half an hour that cron starts each hour must not miss each second
 * one. A success that is still to come says that the clock was set back.
 */
function ifNotDue(run: JobRun): JobEnd | null {
  const { everyMs } = run.plan.record;
  if (everyMs === null) return null;
  for (const { ended, at, key } of run.history.each(run.plan.name)) {
    if (ended?.outcome !== 'succeeded') continue;
    const ageMs = Date.now() - at;
    if (ageMs < 0 || ageMs >= everyMs - Math.min(everyMs * SLACK, MAX_SLACK_MS)) return null;
    const told = `not due: the last success began ${prettyMs(ageMs)} ago`;
    return { outcome: 'not-due', code: EXIT.ok, reason: '', by: key, told };
  }
  return null;
}

async function giveBack(lease: Lease): Promise<void> {
  try {
    await lease.release();
  } catch (error) {
    // The command has run: its status is what the caller needs. A loss was told when it happened.
    if (lease.held) say((error as Error).message);
  }
}

/** Silence when all is well; else what the command printed, and one line of our own. */
async function tell(run: JobRun, { outcome, told, error }: JobEnd): Promise<void> {
  const { name, quiet, verbose } = run.plan;
  if (quiet) return;
  const isWell = outcome === 'succeeded' || outcome === 'skipped' || outcome === 'not-due';
  if (!verbose && !isWell && outcome !== 'replaced') await print(run.output());
  if (error === undefined && (verbose || !isWell)) say(`${name}: ${told}`);
}

async function report(run: JobRun, { outcome, code, told }: JobEnd, pings: Pings | null): Promise<void> {
  if (outcome === 'skipped' || outcome === 'not-due' || (outcome === 'replaced' && !run.began)) return;
  const isGivenUp = outcome === 'gave-up';
  await pings?.end(isGivenUp ? 'fail' : String(code), isGivenUp ? told : run.tail);
}
