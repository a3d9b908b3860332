import prettyMs from 'pretty-ms';
import { Lease, openStore, type Store } from '../../../lib/index.ts';
import {
  directoryOf,
  intervalEnd,
  LEAST_MS,
  nodeHost,
  recordsOf,
  SharedRuns,
  sessionIn,
  TRY_MS,
} from '../../../lib/internal.ts';
import { Holding } from '../../access/holding.ts';
import { Requested } from '../../access/target.ts';
import { environmentOf } from '../../child/environment.ts';
import { whyNotRun } from '../../child/program.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import { Admission } from './admission.ts';
import { attempts } from './attempts.ts';
import { endOfFailure, type JobEnd } from './end.ts';
import { OtherRuns } from './others.ts';
import { JobOutput } from './output.ts';
import { Pings } from './ping.ts';
import { type JobArguments, type JobPlan, planOf } from './plan.ts';
import { JobRecord } from './record.ts';
import { sinksOf } from './sinks.ts';
import { Stop } from './stop.ts';

/** The tolerance of `--every`: cron is not exact to the second, and a daily job must not miss every second day. */
const SLACK = 0.01;
const MAX_SLACK_MS = 60_000;
/** No call on servers takes longer. */
const CALL_MS = 5_000;

/** A run of a job: plan, record, lock, attempts, end, pings. */
export async function runJob(args: JobArguments): Promise<never> {
  const plan = await planOf(args);
  const output = new JobOutput(sinksOf(plan));
  const stop = new Stop();
  const { store, record, shared } = begin(plan, args.dir);
  stop.watch(record.directory, record.start, shared);
  const pings = plan.ping && new Pings(plan.ping, (why) => plan.verbose && say(`${plan.name}: ${why}`));
  const close = () => {
    output.remove();
    stop.close();
    record.close();
  };
  try {
    const end = await courseOf(plan, store, { record, shared, output, stop, pings });
    // The end is recorded: a signal that comes now only cuts the reports short.
    stop.over(() => {
      close();
      process.exit(end.code);
    });
    await print(plan, end, output);
    if (pings) await report(pings, end, record.began, output.tail);
    await output.flush();
    throw end.error ?? new Exit(end.code);
  } finally {
    close();
  }
}

interface Begun {
  store: Store;
  record: JobRecord;
  /** The runs of all machines, if the store is on servers. */
  shared: SharedRuns | null;
}

/** @throws {StoreError} */
function begin(plan: JobPlan, dir: string | undefined): Begun {
  try {
    const store = openStore(dir);
    const directory = directoryOf(store);
    const open = recordsOf(store);
    const shared = open && new SharedRuns(nodeHost, open);
    return { store, shared, record: new JobRecord(plan, { directory, shared, session: sessionIn(store) }) };
  } catch (error) {
    sayNotRecorded(plan);
    throw error;
  }
}

function sayNotRecorded({ name }: JobPlan): void {
  say(`${name}: the command did not begin, because its run could not be recorded:`);
}

/** Shows the run to other machines, and theirs to it. @throws {StoreError} (rejects) */
async function shareBegin(plan: JobPlan, record: JobRecord, others: OtherRuns): Promise<void> {
  try {
    await record.share(firstAnswerMs(plan));
    record.lost = await others.fetch();
  } catch (error) {
    sayNotRecorded(plan);
    throw error;
  }
}

/**
 * How long the servers have for their first answer: a run that would not wait for the lock learns as soon as `run -n` that none answers,
 * and one that waits for a time as `run -w`. Undefined: as long as for any call.
 */
function firstAnswerMs({ recorded, waitMs }: JobPlan): number | undefined {
  if (recorded.overlap === 'skip') return TRY_MS;
  return waitMs === null ? undefined : Math.min(Math.max(waitMs, LEAST_MS), CALL_MS);
}

interface RunParts extends Pick<Begun, 'shared'> {
  record: JobRecord;
  output: JobOutput;
  stop: Stop;
  pings: Pings | null;
}

/** From the record of the run's start to the record of its end. Never rejects. */
function courseOf(plan: JobPlan, store: Store, { record, shared, output, stop, pings }: RunParts): Promise<JobEnd> {
  const others = new OtherRuns(record.directory, record.start, shared);
  const onBegan = () => {
    if (!record.began) pings?.start();
    record.hasBegun();
  };
  const work = async (holding: Holding): Promise<JobEnd> => {
    // Another machine's run may have had the lock before.
    if (shared) await others.fetch();
    const early = ifNotDue(plan, others);
    if (early) return early;
    const env = { ...process.env, ...environmentOf(holding.lease, store) };
    output.open(record.directory, record.start);
    return attempts(plan, { holding, env, output, record, stop, onBegan });
  };
  return settled(record, output, async () => {
    if (shared) await shareBegin(plan, record, others);
    if (plan.splayMs > 0) await stop.pause(Math.random() * plan.splayMs);
    stop.poll();
    const lease =
      ifNotDue(plan, others) ??
      ifNotRunnable(plan) ??
      (await new Admission(plan, lockOf(plan, store), others, stop).lease());
    if (!(lease instanceof Lease)) return lease;
    await noteAcquired(record, lease);
    // The end is recorded before another run can get the lock.
    const holding = new Holding(lease);
    return settled(record, output, () => work(holding)).finally(() => holding.release());
  });
}

function lockOf({ name, permits, resize, flock }: JobPlan, store: Store): Requested {
  return new Requested({ name, store }, { permits, resize, flock, take: 1, shared: false, exclusive: false });
}

/** Takes a part of the run's course, and records the end that it comes to: the first end counts. Never rejects. */
async function settled(record: JobRecord, output: JobOutput, course: () => Promise<JobEnd>): Promise<JobEnd> {
  const end = await course().catch((error: unknown) => endOfFailure(error, record.began));
  if (!record.ended) {
    record.end(end, output.end());
    await record.share();
  }
  return end;
}

/**
 * The age of a success counts from its start: a job of half an hour that cron starts each hour must not miss every second
 * start. A success in the future shows that the clock was set back. The day on which summer time begins is an hour shorter.
 */
function ifNotDue({ recorded: { everyMs }, everyZone }: JobPlan, others: OtherRuns): JobEnd | null {
  const success = everyMs === null ? null : others.lastSuccess();
  if (everyMs === null || success === null) return null;
  const ageMs = Date.now() - success.at;
  const dueMs = intervalEnd(success.at, everyMs, everyZone).earliest - success.at;
  if (ageMs < 0 || ageMs >= dueMs - Math.min(everyMs * SLACK, MAX_SLACK_MS)) return null;
  const message = `not due: the last success began ${prettyMs(ageMs)} ago`;
  return { outcome: 'not-due', code: EXIT.ok, reason: '', by: success.key, message };
}

/** A command that cannot be run is a failed run, and no reason to wait in line. */
function ifNotRunnable({ words }: JobPlan): JobEnd | null {
  const refusal = whyNotRun(words[0] ?? '');
  if (refusal === null) return null;
  const { status: code, message } = refusal;
  return { outcome: 'failed', code, reason: message, by: '', message };
}

async function noteAcquired(record: JobRecord, lease: Lease): Promise<void> {
  try {
    record.note({ it: 'acquired', at: Date.now() });
  } catch (error) {
    // The run ends here, and must leave nothing in line.
    await lease.end().catch(() => undefined);
    throw error;
  }
}

/** Prints nothing when all is well, but for news; else the command's output, and one line about the end. */
async function print({ name, quiet, verbose }: JobPlan, end: JobEnd, output: JobOutput): Promise<void> {
  if (quiet) return;
  const { outcome, message, error, isNews = false } = end;
  const isWell = outcome === 'succeeded' || outcome === 'skipped' || outcome === 'not-due';
  if (!verbose && !isWell && outcome !== 'replaced') await output.print();
  if (error === undefined && (verbose || !isWell || isNews)) say(`${name}: ${message}`);
}

async function report(pings: Pings, end: JobEnd, began: boolean, tail: string): Promise<void> {
  const { outcome, code, message } = end;
  if (outcome === 'skipped' || outcome === 'not-due' || (outcome === 'replaced' && !began)) return;
  const isGivenUp = outcome === 'gave-up';
  await pings.end(isGivenUp ? 'fail' : String(code), isGivenUp ? message : tail);
}
