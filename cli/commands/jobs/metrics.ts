import { Gauge, Registry } from 'prom-client';
import { replaceFile } from '../../../lib/internal.ts';
import { type JobVerdict, tookMs } from '../../../lib/jobs/index.ts';
import { shownLines } from '../../text/escape.ts';

export interface NamedVerdict {
  name: string;
  verdict: JobVerdict;
}

type Metric = [name: string, help: string, value: (verdict: JobVerdict) => number | null];

/** Times are in seconds since 1970. A job whose value is unknown has no sample. */
const METRICS: Metric[] = [
  [
    'last_run_timestamp_seconds',
    'When the newest run started that is over and was neither skipped nor not due.',
    ({ last }) => secondsOf(last?.run.at),
  ],
  [
    'last_success_timestamp_seconds',
    'When the newest run started that succeeded.',
    ({ success }) => secondsOf(success?.run.at),
  ],
  [
    'last_duration_seconds',
    'How long the command took in the newest run that is over, with all its attempts.',
    ({ last }) => secondsOf(last && tookMs(last.run)),
  ],
  [
    'typical_duration_seconds',
    'The median duration of the newest runs that succeeded, 20 at most.',
    ({ typicalMs }) => secondsOf(typicalMs),
  ],
  [
    'last_exit_code',
    'The exit code of the newest run that is over. No sample if the run was lost.',
    ({ last }) => last?.run.ended?.code ?? null,
  ],
  ['running', 'How many runs are running now.', ({ live }) => live.filter(({ state }) => state === 'running').length],
  [
    'waiting',
    'How many runs are waiting for the lock now.',
    ({ live }) => live.filter(({ state }) => state === 'waiting').length,
  ],
  [
    'skipped_in_a_row',
    'How many of the newest starts in a row found another run there, and did nothing.',
    ({ skips }) => skips?.count ?? 0,
  ],
  ['late', 'Whether a success was due and its grace has passed without one.', ({ late }) => Number(late)],
  ['failed', 'Whether the newest run that ended by itself did not succeed.', ({ failed }) => Number(failed !== null)],
  [
    'stuck',
    'Whether a run will not end by itself, takes too long, or keeps the others out for too long.',
    ({ stuck }) => Number(stuck !== null),
  ],
  [
    'unknown',
    'Whether the job never ran, its records cannot be read, or none of them shows a success or a failure.',
    ({ problem }) => Number(problem !== null),
  ],
  [
    'next_due_timestamp_seconds',
    'When the next successful run should start. The job is late if the grace after that passes without one.',
    ({ due }) => secondsOf(due?.at),
  ],
];

/** Returns the jobs in the text format of Prometheus, as node_exporter's textfile collector reads it. */
export async function metricsText(jobs: readonly NamedVerdict[]): Promise<string> {
  if (jobs.length === 0) return '';
  const registry = new Registry();
  for (const [name, help, value] of METRICS) {
    const samples = jobs.flatMap(({ name: job, verdict }) => {
      const found = value(verdict);
      return found === null ? [] : [{ job, found }];
    });
    if (samples.length === 0) continue;
    const gauge = new Gauge({ name: `lockstep_job_${name}`, help, labelNames: ['job'], registers: [registry] });
    // The format escapes newlines itself.
    for (const { job, found } of samples) gauge.set({ job: shownLines(job) }, found);
  }
  return registry.metrics();
}

function secondsOf(ms: number | null | undefined): number | null {
  return ms == null ? null : ms / 1_000;
}

/** The collector is another user, and cron's or systemd's umask is often 077. */
const READABLE_FOR_ALL = 0o644;

/** Puts the text in a file's place, whole: a collector that reads it at any moment sees one or the other. */
export async function writeMetrics(file: string, text: string): Promise<void> {
  await replaceFile(file, Buffer.from(text), { mode: READABLE_FOR_ALL, followsLink: false });
}
