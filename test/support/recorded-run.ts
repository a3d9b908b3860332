import fs from 'node:fs';
import type { ProcessFacts } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { outputFile } from '../../lib/jobs/output-tail.ts';
import { eventText, jobDirectory, runFile, startText } from '../../lib/jobs/record-format.ts';
import type { Attempt, Outcome, Run, RunPlan, SkipRow } from '../../lib/jobs/run.ts';

/** Records of runs, as `lockstep job` writes them, without running anything. */

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const PLAN: RunPlan = {
  overlap: 'skip',
  permits: 1,
  timeoutMs: null,
  killAfterMs: 10_000,
  everyMs: null,
  retries: 0,
  expect: null,
  zone: null,
  graceMs: null,
};

/** A live process: the one that runs the tests. */
export const ALIVE: ProcessFacts = nodeHost.processes.self();
/** A dead process, whose pid was reused. */
export const GONE: ProcessFacts = { ...ALIVE, start: ALIVE.start + 1 };

export interface RunWishes {
  job?: string;
  key?: string;
  plan?: Partial<RunPlan>;
  facts?: ProcessFacts;
  /** By which the wrapper owns its entry in a line. */
  session?: string;
  /** How long it waited, and then ran, in ms. Null: it did not. */
  waitedMs?: number | null;
  tookMs?: number | null;
  /** Null: its end was not recorded. */
  outcome?: Outcome | null;
  code?: number;
  signal?: string | null;
  reason?: string;
  by?: string;
  tail?: string;
  skips?: SkipRow;
  earlierMs?: readonly number[];
  attempts?: Attempt[];
}

let count = 0;

/** A run that started at `at`, and by default succeeded a second later. */
export function runAt(at: number, wishes: RunWishes = {}): Run {
  const { job = 'n', facts = GONE, outcome = 'succeeded', waitedMs = 0, tookMs = 1_000 } = wishes;
  const {
    code = outcome === 'succeeded' ? 0 : 1,
    signal = null,
    reason = '',
    by = '',
    tail = '',
    skips,
    earlierMs,
  } = wishes;
  const key = wishes.key ?? `k${String(count++).padStart(6, '0')}`;
  const acquiredAt = waitedMs === null ? null : at + waitedMs;
  const endedAt = (acquiredAt ?? at) + (tookMs ?? 0);
  const exited = {
    it: 'exited',
    at: endedAt,
    code: signal ? null : code,
    signal,
    timedOut: outcome === 'timed-out',
  } as const;
  const more = { ...(skips && { skips }), ...(earlierMs && { earlierMs }) };
  const attempt = { at: acquiredAt ?? at, facts, exited: outcome === null ? null : exited };
  return {
    job,
    key,
    facts,
    ...(wishes.session !== undefined && { session: wishes.session }),
    at,
    label: 'sh -c true',
    plan: { ...PLAN, ...wishes.plan },
    acquiredAt,
    attempts: wishes.attempts ?? (acquiredAt === null || tookMs === null ? [] : [attempt]),
    ended: outcome && { it: 'ended', at: endedAt, outcome, code, reason, by, tail, ...more },
  };
}

/** A run whose command still runs, by its record. */
export function runningSince(at: number, wishes: RunWishes = {}): Run {
  return runAt(at, { facts: ALIVE, outcome: null, ...wishes });
}

/** The text of its record. */
export function recordOf(run: Run): string {
  const { acquiredAt, attempts, ended } = run;
  const acquired = acquiredAt === null ? '' : eventText({ it: 'acquired', at: acquiredAt });
  const began = attempts.map(
    ({ exited, ...began }) => eventText({ it: 'began', ...began }) + (exited ? eventText(exited) : ''),
  );
  return startText(run) + acquired + began.join('') + (ended ? eventText(ended) : '');
}

/** The path of a run's record. */
export function recordPath(store: string, run: Pick<Run, 'job' | 'at' | 'key'>): string {
  return `${jobDirectory(store, run.job)}/${runFile(run)}`;
}

/** Writes the records of runs into a store, and the command's output beside each run that did not end. */
export function writeRuns(store: string, runs: readonly Run[], output = ''): void {
  for (const run of runs) {
    fs.mkdirSync(jobDirectory(store, run.job), { recursive: true, mode: 0o700 });
    fs.writeFileSync(recordPath(store, run), recordOf(run));
    if (!run.ended) fs.writeFileSync(`${jobDirectory(store, run.job)}/${outputFile(run)}`, output);
  }
}
