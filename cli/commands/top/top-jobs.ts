import { isJobWell, type JobVerdict, type RunLog } from '../../../lib/jobs/index.ts';
import { reasonOf } from '../../report/job-words.ts';
import { judgedJob } from '../../report/judged-job.ts';
import { LastRuns } from '../../report/last-runs.ts';
import { shown } from '../../text/escape.ts';
import { counted, whenIn } from '../../text/quantities.ts';
import { stripOf } from '../../text/strip.ts';
import { cutInside, filled, widthOf } from '../../text/truncate.ts';
import type { Tone } from './tone.ts';

export interface TopJob {
  name: string;
  verdict: JobVerdict;
  strip: string;
}

/** Records of jobs are read this often at most, */
const LEAST_MS = 2_000;
/** and so that reading them takes at most this part of the time. */
const SHARE = 20;
const GAP = 2;
const LONGEST_NAME = 30;
/** At a narrow screen, the part of it that a name has at most. */
const SHARE_OF_NAME = 4;
const SHORTEST_NAME = 12;
/** A column that would be cut to fewer characters is left out. */
const LEAST_LEFT = 8;

/** The jobs of a store, read from time to time: no kernel reports that one is late. */
export class TopJobs {
  readonly #names: ReadonlySet<string>;
  #jobs: TopJob[] = [];
  #dueAt = Number.NEGATIVE_INFINITY;

  /** @param names empty: all jobs */
  constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  /** Reads a log that is at hand, if it is time to. */
  look(open: () => RunLog): readonly TopJob[] {
    const startedAt = performance.now();
    if (startedAt >= this.#dueAt) this.#read(open(), startedAt);
    return this.#jobs;
  }

  /** The same, of a log that must be fetched. The known jobs stay where that fails: the lines state what is wrong. */
  async fetch(fetchLog: () => Promise<RunLog>): Promise<readonly TopJob[]> {
    const startedAt = performance.now();
    if (startedAt < this.#dueAt) return this.#jobs;
    const log = await fetchLog().catch(() => null);
    if (log) this.#read(log, startedAt);
    return this.#jobs;
  }

  #read(log: RunLog, startedAt: number): void {
    const now = Date.now();
    const known = log.possible().filter(({ name, problem }) => problem === null && this.#isWanted(name));
    this.#jobs = known
      .flatMap(({ name }): TopJob[] => {
        const lastRuns = new LastRuns(known.length);
        const verdict = judgedJob(log, name, now, lastRuns);
        return verdict ? [{ name, verdict, strip: stripOf(lastRuns.marks(verdict)) }] : [];
      })
      .sort((one, other) => rankOf(one) - rankOf(other) || (one.name < other.name ? -1 : 1));
    const endedAt = performance.now();
    this.#dueAt = endedAt + Math.max(LEAST_MS, SHARE * (endedAt - startedAt));
  }

  #isWanted(name: string): boolean {
    return this.#names.size === 0 || this.#names.has(name);
  }
}

/** Those that are not well come first, then those that run. */
function rankOf({ verdict: { state } }: TopJob): number {
  return isJobWell(state) ? (state === 'running' ? 1 : 2) : 0;
}

/** The jobs as rows below the resources. */
export function jobRows(jobs: readonly TopJob[], now: number, columns: number): Array<{ text: string; tone: Tone }> {
  if (jobs.length === 0) return [];
  const unwell = jobs.filter(({ verdict }) => !isJobWell(verdict.state)).length;
  const head = `Jobs  ${counted(jobs.length, 'job')}${unwell === 0 ? '' : `, ${unwell} not well`}`;
  const longest = Math.max(SHORTEST_NAME, Math.min(LONGEST_NAME, Math.floor(columns / SHARE_OF_NAME)));
  const cells = jobs.map(({ name, verdict, strip }) => {
    const due = verdict.due?.at == null ? '-' : whenIn(verdict.due.at, now);
    const title = cutInside(shown(name), longest);
    return [`  ${verdict.state}`, title, strip || '-', due, shown(reasonOf(verdict, now)) || '-'];
  });
  const headings = ['  STATE', 'JOB', 'RUNS', 'NEXT DUE', 'REASON'];
  const widths = headings.map((_, at) =>
    [headings, ...cells].reduce((most, row) => Math.max(most, widthOf(row[at] ?? '')), 0),
  );
  const starts = widths.map((_, at) => widths.slice(0, at).reduce((total, width) => total + width + GAP, 0));
  const kept = headings.filter((_, at) => at === 0 || columns - (starts[at] ?? 0) >= LEAST_LEFT).length;
  const aligned = (row: readonly string[]) =>
    row
      .slice(0, kept)
      .map((cell, at) => (at === kept - 1 ? cell : filled(cell, (widths[at] ?? 0) + GAP)))
      .join('');
  return [
    { text: '', tone: 'plain' },
    { text: head, tone: 'resource' },
    { text: aligned(headings), tone: 'headings' },
    ...jobs.map(({ verdict: { state } }, at) => ({ text: aligned(cells[at] ?? []), tone: toneOf(state) })),
  ];
}

function toneOf(state: JobVerdict['state']): Tone {
  return isJobWell(state) ? 'plain' : 'alert';
}
