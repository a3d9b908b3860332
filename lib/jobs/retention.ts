import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { removeQuietly } from '../host/remove-quietly.ts';
import { outputFile } from './output-tail.ts';
import { jobDirectory, runFile } from './record-format.ts';
import { PRIVATE } from './record-writer.ts';
import type { Run } from './run.ts';
import { RunLog, type RunState } from './run-log.ts';
import { stopRequestFile } from './stop-request.ts';

/** How many runs that never began their command are kept: a job that cron starts each minute makes many of them. */
const KEPT_IDLE = 20;
/** A private file older than this was left by a run that was killed before its record had a name. */
const LEFT_BEHIND_MS = 60_000;
const BESIDE = /^(\d{15}-[0-9a-z]{1,64})\.(output|end)$/;

/**
 * Removes old records of a job, and the files that killed runs left beside them. It keeps the newest `keep` runs that began
 * their command, the newest few that did not, the newest success (or, without one, the oldest run), and every run that is not over.
 *
 * Best effort: a file that cannot be removed stays, and the next sweep tries again. Returns the files of the records.
 *
 * @param lost as of `RunLog`
 */
export function sweepRuns(machine: Host, store: StoreDirectory, job: string, keep: number, lost?: ReadonlySet<string>) {
  const host = pinnedHost(machine, store);
  const log = new RunLog(host, store, lost);
  const directory = jobDirectory(store.path, job);
  const beside = new Set(host.files.list(directory)?.filter((file) => BESIDE.test(file)));
  const old: Run[] = [];
  let begun = 0;
  let idle = 0;
  let succeeded = 0;
  for (const run of log.each(job)) {
    if (run.ended?.outcome === 'succeeded') succeeded += 1;
    const place = run.attempts.length > 0 ? ++begun <= keep : ++idle <= KEPT_IDLE;
    const isNewestSuccess = run.ended?.outcome === 'succeeded' && succeeded === 1;
    if (place || isNewestSuccess || !isOver(log.stateOf(run))) dropBeside(host, directory, run, beside);
    else old.push(run);
  }
  // The due time of a job that never succeeded counts from its first run.
  if (succeeded === 0) old.pop();
  for (const run of old) removeRun(host, directory, run);
  sweepLeftovers(host, directory);
  return old.map(runFile);
}

function isOver(state: RunState): boolean {
  return state === 'ended' || state === 'lost';
}

/** Removes the files of a run, the record last: after a crash in between, it still names the run that the others belong to. Best effort. */
export function removeRun(host: Host, directory: string, run: Run): void {
  for (const file of [stopRequestFile(run), outputFile(run), runFile(run)]) removeQuietly(host, `${directory}/${file}`);
}

/** Removes the files that a crash left beside the record of an ended run. The output of a lost run is kept with its record. */
function dropBeside(host: Host, directory: string, run: Run, beside: ReadonlySet<string>): void {
  if (!run.ended || host.clock.wallMicros() / 1_000 - run.ended.at < LEFT_BEHIND_MS) return;
  for (const file of [stopRequestFile(run), outputFile(run)])
    if (beside.has(file)) removeQuietly(host, `${directory}/${file}`);
}

/** Removes the files beside records that are gone, and the unfinished ones, once they are old. Best effort. */
export function sweepLeftovers(host: Host, directory: string): void {
  const files = host.files.list(directory) ?? [];
  const records = new Set(files.filter((file) => file.endsWith('.run')));
  const now = host.clock.wallMicros() / 1_000;
  for (const file of files) {
    const [, run] = BESIDE.exec(file) ?? [];
    if (!file.startsWith(PRIVATE) && (run === undefined || records.has(`${run}.run`))) continue;
    const found = host.files.look(`${directory}/${file}`);
    if (found !== null && now - found.modifiedMs > LEFT_BEHIND_MS) removeQuietly(host, `${directory}/${file}`);
  }
}
