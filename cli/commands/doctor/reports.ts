import { Monitor } from '../../../lib/heartbeat/monitor.ts';
import { RunLog } from '../../../lib/jobs/run-log.ts';
import { inShell } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { Findings } from './finding.ts';
import type { Opened } from './patient.ts';

/** So many runs of each job are looked at. */
const MAX_RUNS = 50;

/** Whether those who report that they are alive are. */
export function checkReports({ host, directory }: Opened): Findings {
  const found = new Findings('reports');
  const watched = new Monitor({ host, directory, names: [] }).look();
  for (const { name, state, reason, file, since } of watched) {
    const where = `${directory.path}/beats/${file}`;
    const when = since === null ? '' : ` since ${new Date(since).toISOString()}`;
    if (state === 'gone' || state === 'late') {
      found.warning({
        what: `${name} is ${state}${when}: ${reason}`,
        where,
        why: 'It said that it would report, and does not.',
        remedy: `Look after it. If it is not to run any more: lockstep beat ${inShell(name)} --stop`,
      });
    }
    if (state === 'unknown') {
      found.warning({
        what: `a report cannot be understood: ${reason}`,
        where,
        why: 'Nobody sees whether it is alive.',
        remedy: 'Use one version of Lockstep everywhere, or remove the file.',
      });
    }
  }
  if (found.isCalm && watched.length > 0) found.ok(`${counted(watched.length, 'reporter')} alive, or ended well`);
  return found;
}

/** Whether a run of a job was lost. */
export function checkRuns({ host, directory }: Opened): Findings {
  const found = new Findings('runs');
  const history = new RunLog(host, directory);
  const jobs = history.jobs();
  for (const job of jobs) {
    const lost = history.runs(job, MAX_RUNS).filter(({ state }) => state === 'lost');
    const [last] = lost;
    if (!last) continue;
    found.warning({
      what: `${lost.length} of the last runs of the job ${job} ended without a word, the last one of ${new Date(last.run.at).toISOString()}`,
      where: `${directory.path}/jobs`,
      why: 'Lockstep and the command were killed, or the machine went down: what the command did is half-done, perhaps.',
      remedy: `See what it says, and run it again: lockstep history ${inShell(job)}`,
    });
  }
  if (found.isCalm && jobs.length > 0) found.ok(`no run of ${counted(jobs.length, 'job')} was lost`);
  return found;
}
