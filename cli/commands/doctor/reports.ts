import { Monitor, RunLog } from '../../../lib/internal.ts';
import { counted, localTime } from '../../text/quantities.ts';
import { inShell } from '../../text/shell-word.ts';
import { Findings } from './finding.ts';
import type { Opened } from './patient.ts';

/** At most this many runs of each job are checked. */
const MAX_RUNS = 50;

/** Checks that the programs that report heartbeats are alive. */
export function checkReports({ host, directory }: Opened): Findings {
  const found = new Findings('reports');
  const reporters = new Monitor({ host, directory, names: [] }).look();
  for (const { name, state, reason, file, since } of reporters) {
    const where = `${directory.path}/beats/${file}`;
    const when = since === null ? '' : ` since ${localTime(since, 'seconds')}`;
    if (state === 'gone' || state === 'late') {
      found.warning({
        what: `${name} is ${state}${when}: ${reason}`,
        where,
        why: 'It sends no heartbeats, although it did not end well.',
        remedy: `Check it. If it is not to run any more: lockstep beat ${inShell(name)} --stop`,
      });
    }
    if (state === 'unknown') {
      found.warning({
        what: `a report cannot be read: ${reason}`,
        where,
        why: 'Its reporter cannot be monitored.',
        remedy: 'Use one version of Lockstep everywhere, or remove the file.',
      });
    }
  }
  if (found.isCalm && reporters.length > 0) found.ok(`${counted(reporters.length, 'reporter')} alive, or ended well`);
  return found;
}

/** Checks for lost runs of jobs. */
export function checkRuns({ host, directory }: Opened): Findings {
  const found = new Findings('runs');
  const history = new RunLog(host, directory);
  const jobs = history.jobs();
  for (const job of jobs) {
    const lost = history.runs(job, MAX_RUNS).filter(({ state }) => state === 'lost');
    const [last] = lost;
    if (!last) continue;
    found.warning({
      what: `the job ${job} has ${counted(lost.length, 'lost run')}, the last one of ${localTime(last.run.at, 'seconds')}`,
      where: `${directory.path}/jobs`,
      why: 'Lockstep and the command were killed, or the machine went down: the command’s work may be incomplete.',
      remedy: `Check its runs, and run it again: lockstep history ${inShell(job)}`,
    });
  }
  if (found.isCalm && jobs.length > 0) found.ok(`no run of ${counted(jobs.length, 'job')} was lost`);
  return found;
}
