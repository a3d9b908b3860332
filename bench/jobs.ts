import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeHost } from '../lib/host/node-host.ts';
import { eventText, jobDirectory, runFile, startText } from '../lib/jobs/record-format.ts';
import type { RunPlan } from '../lib/jobs/run.ts';
import { effort } from './effort.ts';
import { interleave } from './interleave.ts';
import { median } from './median.ts';
import { program } from './program.ts';
import { atMost, rowOf, type Section, skipped } from './section.ts';
import { count } from './table.ts';

const JOBS = effort(1_000, 5);
const RUNS = effort(120, 3);
const ROUNDS = effort(9, 1);
const LIMIT_MS = 500;
const MINUTE_MS = 60_000;
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const PLAN: RunPlan = {
  ...{ overlap: 'skip', permits: 1, timeoutMs: null, killAfterMs: 10_000, everyMs: null, retries: 0 },
  ...{ expect: 'every 5m', zone: null, graceMs: null },
};

/** `lockstep jobs` over many jobs, each with as many records as are kept. */
export async function jobs(directory: string): Promise<Section> {
  const title = `lockstep jobs over ${count(JOBS)} jobs, ${RUNS} records each (${ROUNDS} of each in turn)`;
  if (!fs.existsSync(MAIN))
    return skipped('jobs', title, 'the command line is not built (dist/cli/main.js is missing)');
  const store = path.join(directory, 'store');
  makeJobs(store);
  const main = [MAIN, 'jobs', '--dir', store];
  const contestants = [
    program('lockstep jobs', main),
    program('lockstep jobs --check', [...main, '--check']),
    program('lockstep jobs --json', [...main, '--json']),
  ];
  const times = await interleave(contestants, { batches: ROUNDS, cycles: 1, warmUp: 1 });
  return {
    name: 'jobs',
    title,
    rows: contestants.map(({ name }) => rowOf(name, times(name).batches)),
    absent: [],
    notes: [],
    targets: [atMost(`lockstep jobs over ${count(JOBS)} jobs`, LIMIT_MS, median(times('lockstep jobs').batches), 'ms')],
  };
}

/** The newest run of each began a minute ago, and each that is older five minutes before it. */
function makeJobs(store: string): void {
  const now = Date.now();
  for (let job = 0; job < JOBS; job++) {
    fs.mkdirSync(jobDirectory(store, `job.${job}`), { recursive: true, mode: 0o700 });
    for (let run = 0; run < RUNS; run++) writeRun(store, `job.${job}`, now - MINUTE_MS - run * 5 * MINUTE_MS);
  }
}

/** Of the successes before a run, as its record lists them. */
const earlierMs = Array(19).fill(1_000);

function writeRun(store: string, job: string, at: number): void {
  const start = { job, key: `k${at}`, facts: nodeHost.processes.self(), at, label: 'pg_dump', plan: PLAN };
  const end = { at: at + 1_000, code: 0 };
  const text = [
    startText(start),
    eventText({ it: 'acquired', at }),
    eventText({ it: 'began', at, facts: start.facts }),
    eventText({ it: 'exited', ...end, signal: null, timedOut: false }),
    eventText({ it: 'ended', ...end, outcome: 'succeeded', reason: '', by: '', tail: 'done\n', earlierMs }),
  ];
  fs.writeFileSync(`${jobDirectory(store, job)}/${runFile(start)}`, text.join(''), { mode: 0o600 });
}
