import { nodeHost } from '../../../lib/host/node-host.ts';
import type { Lease } from '../../../lib/primitives/lease.ts';
import { ProcessTree } from '../../../lib/process/process-tree.ts';
import { ownerFor } from '../../../lib/session/session.ts';
import { later } from '../../../lib/time/timer.ts';
import { Child } from '../../child/child.ts';
import { environmentOf } from '../../child/environment.ts';
import type { Attempted } from './outcome.ts';
import type { JobRun } from './run.ts';

type Course = 'exited' | 'timed out' | 'stopped';

export interface AttemptOptions {
  /** The descriptor for what it prints. */
  output: number;
  number: number;
  onBegan: () => void;
}

/**
 * Runs the command once, under the lock that the run holds. As in `lockstep run`, it is born held, made an owner of the
 * lock's entry, written down, and only then let go: killed at any of these steps, we leave nothing that runs unseen.
 *
 * If time is over, or the run is to end, all that the command started ends with it.
 */
export async function attempt(run: JobRun, lease: Lease, options: AttemptOptions): Promise<Attempted> {
  const { number, onBegan } = options;
  const { timeoutMs, killAfterMs, retries } = run.plan.record;
  const child = await born(run, lease, options);
  const tree = new ProcessTree(child.pid);
  const began = performance.now();
  child.go();
  run.stop.forwardTo(child);
  onBegan();
  const course = await courseOf(child, run, timeoutMs);
  if (course !== 'exited') await tree.end(killAfterMs);
  const exit = await child.exit();
  run.stop.forwardTo(null);
  const timedOut = course === 'timed out';
  run.note({ it: 'exited', at: Date.now(), ...exit, timedOut });
  return { exit, timedOut, lastedMs: performance.now() - began, number, most: retries + 1 };
}

async function born(run: JobRun, lease: Lease, { output, number }: AttemptOptions): Promise<Child> {
  const { words } = run.plan;
  const own = { LOCKSTEP_JOB_RUN: run.start.key, LOCKSTEP_ATTEMPT: String(number) };
  const child = await Child.start(words, { ...environmentOf(lease, run.store), ...own }, { output, detached: true });
  try {
    await lease.adopt(child.pid);
    const facts = ownerFor(nodeHost, child.pid)?.facts ?? { ...run.start.facts, pid: child.pid, tid: child.pid };
    run.note({ it: 'began', at: Date.now(), facts });
    return child;
  } catch (error) {
    child.drop();
    throw error;
  }
}

function courseOf(child: Child, { stop }: JobRun, timeoutMs: number | null): Promise<Course> {
  return new Promise((resolve) => {
    const cancel = timeoutMs === null ? () => undefined : later(timeoutMs, () => end('timed out'));
    const onStop = () => end('stopped');
    const end = (course: Course) => {
      cancel();
      stop.signal.removeEventListener('abort', onStop);
      resolve(course);
    };
    stop.signal.addEventListener('abort', onStop);
    if (stop.signal.aborted) onStop();
    void child.exit().then(() => end('exited'));
  });
}
