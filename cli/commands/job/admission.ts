import prettyMs from 'pretty-ms';
import { Lease } from '../../../lib/primitives/lease.ts';
import { holdersIn } from '../../../lib/store/holders.ts';
import { describeHolders } from '../../access/acquisition.ts';
import { Requested } from '../../access/target.ts';
import { say } from '../../output/exit.ts';
import { endOfWait, type JobEnd } from './outcome.ts';
import { isLive, type JobRun } from './run.ts';
import { Takeover } from './takeover.ts';

/** Asks for the job's lock, as `--overlap` says: a lease, or the end of a run that does not get it. */
export async function admit(run: JobRun): Promise<Lease | JobEnd> {
  const { name, permits, label, verbose } = run.plan;
  const target = { name, store: run.store };
  const wanted = new Requested(target, { permits, take: 1, shared: false, exclusive: false });
  const began = performance.now();
  const admitted = (await wanted.tryAcquire({ label })) ?? (await afterOverlap(run, wanted));
  if (!(admitted instanceof Lease)) return admitted;
  if (verbose) say(`${name}: acquired after ${prettyMs(performance.now() - began)}, token ${admitted.token}`);
  try {
    run.note({ it: 'acquired', at: Date.now() });
  } catch (error) {
    // The run ends here, and with it what it has in line.
    await admitted.end().catch(() => undefined);
    throw error;
  }
  admitted.signal.addEventListener('abort', () => say((admitted.signal.reason as Error).message));
  return admitted;
}

function afterOverlap(run: JobRun, wanted: Requested): Promise<Lease | JobEnd> {
  const { overlap } = run.plan.record;
  if (overlap === 'skip') return skip(run, wanted);
  return overlap === 'wait' ? waitInLine(run, wanted) : new Takeover(run, wanted).lease();
}

async function skip(run: JobRun, wanted: Requested): Promise<JobEnd> {
  const holders = describeHolders(holdersIn(await wanted.inspect()));
  const told = `skipped: another run is there${holders === '' ? '' : `: ${holders}`}`;
  return { outcome: 'skipped', code: run.plan.skippedCode, reason: '', by: runningKey(run), told };
}

async function waitInLine(run: JobRun, wanted: Requested): Promise<Lease | JobEnd> {
  const { label, waitMs, name, verbose } = run.plan;
  const timeout = waitMs ?? Number.POSITIVE_INFINITY;
  if (verbose) say(`${name}: waiting; held by ${describeHolders(holdersIn(await wanted.inspect()))}`);
  try {
    return await wanted.acquire({ label, timeout, signal: run.stop.signal });
  } catch (error) {
    const holders = describeHolders(holdersIn(await wanted.inspect()));
    const why = `not acquired within ${prettyMs(waitMs ?? 0)}${holders === '' ? '' : `: held by ${holders}`}`;
    const end = endOfWait(error, why, runningKey(run));
    if (end) return end;
    throw error;
  }
}

/** The key of the newest run of the job that is there; empty if it is not known. */
export function runningKey({ history, start }: JobRun): string {
  for (const other of history.each(start.job))
    if (other.key !== start.key && other.acquiredAt !== null && isLive(history, other)) return other.key;
  return '';
}
