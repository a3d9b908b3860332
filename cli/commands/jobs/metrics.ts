import { Gauge, Registry } from 'prom-client';
import { type JobVerdict, tookMs } from '../../../lib/jobs/health.ts';
import { shownLines } from '../../text/escape.ts';

export interface NamedVerdict {
  name: string;
  verdict: JobVerdict;
}

type Metric = [name: string, help: string, value: (verdict: JobVerdict) => number | null];

/** Times are seconds since 1970. A job of which a value is not known has no such sample. */
const METRICS: Metric[] = [
  [
    'last_run_timestamp_seconds',
    'When the newest run that is over, and was neither skipped nor not due, was started.',
    ({ last }) => secondsOf(last?.run.at),
  ],
  [
    'last_success_timestamp_seconds',
    'When the newest run that succeeded was started.',
    ({ success }) => secondsOf(success?.run.at),
  ],
  [
    'last_duration_seconds',
    'How long the command of the newest run that is over took, with all its attempts.',
    ({ last }) => secondsOf(last && tookMs(last.run)),
  ],
  [
    'typical_duration_seconds',
    'The median duration of the newest runs that succeeded, of 20 at most.',
    ({ typicalMs }) => secondsOf(typicalMs),
  ],
  [
    'last_exit_code',
    'The exit code of the newest run that is over. None if it was lost.',
    ({ last }) => last?.run.ended?.code ?? null,
  ],
  ['running', 'How many runs go on now.', ({ live }) => live.filter(({ state }) => state === 'running').length],
  [
    'waiting',
    'How many runs wait for their turn now.',
    ({ live }) => live.filter(({ state }) => state === 'waiting').length,
  ],
  ['late', 'Whether no run succeeded by the time one was due, and its grace.', ({ late }) => Number(late)],
  [
    'failed',
    'Whether the newest run that came to an end of its own did not succeed.',
    ({ failed }) => Number(failed !== null),
  ],
  ['stuck', 'Whether a run will not end by itself, or takes too long.', ({ stuck }) => Number(stuck !== null)],
  [
    'unknown',
    'Whether it never ran, or its records cannot be read, or tell neither success nor failure.',
    ({ problem }) => Number(problem !== null),
  ],
  [
    'next_due_timestamp_seconds',
    'When the next run that succeeds should be started. It is late after its grace, if it has not been by then.',
    ({ due }) => secondsOf(due?.at),
  ],
];

/** The jobs in the text format of Prometheus, as node_exporter's textfile collector reads it. */
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
