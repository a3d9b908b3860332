import prettyMs from 'pretty-ms';
import type { Lease } from '../../../lib/index.ts';
import { type CommandOutput, type HeldProcess, later, nodeHost, ownerFor } from '../../../lib/internal.ts';
import type { Holding } from '../../access/holding.ts';
import { graceOf, onLossOfLease } from '../../child/end.ts';
import { startCommand } from '../../child/start.ts';
import { say } from '../../output/exit.ts';
import { type Attempted, endOfAttempt, endOfLoss, type JobEnd, mayRetry } from './end.ts';
import type { JobOutput } from './output.ts';
import type { JobPlan } from './plan.ts';
import type { JobRecord } from './record.ts';
import type { Stop } from './stop.ts';

const MAX_BACKOFF_MS = 3_600_000;

type Course = 'exited' | 'timed out' | 'stopped' | 'lost';

/** The parts that all attempts of a run share. */
export interface AttemptParts {
  holding: Holding;
  env: NodeJS.ProcessEnv;
  output: JobOutput;
  record: JobRecord;
  stop: Stop;
  /** Called at the begin of each attempt. */
  onBegan: () => void;
}

/** Runs the command under the lease, and again as the plan allows if it fails. @throws {Stopped} (rejects) */
export async function attempts(plan: JobPlan, parts: AttemptParts): Promise<JobEnd> {
  const { recorded, name, verbose } = plan;
  const { holding, stop } = parts;
  for (let number = 1; ; number++) {
    stop.poll();
    const end = endOfAttempt(await attempt(plan, number, parts));
    stop.check();
    const loss = await holding.loss();
    if (loss) return endOfLoss(loss, end);
    if (number > recorded.retries || !mayRetry(end)) return end;
    const restMs = backoffOf(plan, number);
    if (verbose) say(`${name}: ${end.message}; once more in ${prettyMs(restMs)}`);
    await stop.pause(restMs);
  }
}

/** Twice as long each time, and at random up to a tenth more or less, so that jobs that failed together do not retry together. */
function backoffOf({ backoffMs }: JobPlan, number: number): number {
  return Math.min(backoffMs * 2 ** (number - 1), MAX_BACKOFF_MS) * (0.9 + 0.2 * Math.random());
}

/** Runs the command once. If its time is over, or the run is to stop, all that the command started is ended with it. */
async function attempt(plan: JobPlan, number: number, parts: AttemptParts): Promise<Attempted> {
  const { record, stop, onBegan } = parts;
  const { timeoutMs, killAfterMs, retries } = plan.recorded;
  const output = parts.output.ofAttempt();
  const child = await started(plan, number, parts, output.target);
  output.started(child);
  const began = performance.now();
  stop.forwardTo(child);
  onBegan();
  const { lease } = parts.holding;
  const course = await courseOf(child, stop, timeoutMs, lease);
  if (course !== 'exited') await child.end(course === 'lost' ? graceOf(lease, killAfterMs) : killAfterMs);
  const exit = await child.exit();
  stop.forwardTo(null);
  const timedOut = course === 'timed out';
  const lastedMs = performance.now() - began;
  record.note({ it: 'exited', at: Date.now(), ...exit, timedOut });
  await output.end();
  return { exit, timedOut, lastedMs, number, most: retries + 1 };
}

/** The command, an owner of the lock's entry, and recorded before it begins. */
function started(
  { words }: JobPlan,
  number: number,
  { holding, record, ...parts }: AttemptParts,
  output: CommandOutput['target'],
): Promise<HeldProcess> {
  const env = { ...parts.env, LOCKSTEP_JOB_RUN: record.start.key, LOCKSTEP_ATTEMPT: String(number) };
  return startCommand(holding.lease, words, { env, output, ends: 'tree' }, async ({ pid }, adopt) => {
    const session = record.start.session === undefined ? {} : { session: nodeHost.processes.nonce() };
    await adopt(session.session);
    const facts = ownerFor(nodeHost, pid)?.facts ?? { ...record.start.facts, pid, tid: pid };
    record.note({ it: 'began', at: Date.now(), facts, ...session });
    await record.share();
  });
}

function courseOf(child: HeldProcess, stop: Stop, timeoutMs: number | null, lease: Lease): Promise<Course> {
  return new Promise((resolve) => {
    const cancel = timeoutMs === null ? () => undefined : later(timeoutMs, () => end('timed out'));
    const onStop = () => end('stopped');
    let stopListening: () => void = () => undefined;
    const end = (course: Course) => {
      cancel();
      stopListening();
      stop.signal.removeEventListener('abort', onStop);
      resolve(course);
    };
    stopListening = onLossOfLease(lease, () => end('lost'));
    stop.signal.addEventListener('abort', onStop);
    if (stop.signal.aborted) onStop();
    void child.exit().then(() => end('exited'));
  });
}
