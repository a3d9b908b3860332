import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { outputFile } from './output-tail.ts';
import { jobDirectory, type Run, runFile } from './record-format.ts';
import { PRIVATE } from './record-writer.ts';
import { RunHistory, type RunState } from './run-history.ts';
import { endFile } from './stop-request.ts';

/** Of runs that never began their command; a job that is started each minute makes many of them. */
const KEPT_IDLE = 20;
/** A private file this old was left behind by a run that was killed before it could begin. */
const LEFT_BEHIND_MS = 60_000;
const BESIDE = /^(\d{15}-[0-9a-z]{1,64})\.(output|end)$/;

/**
 * Removes old records of a job, and what killed runs left beside them. It keeps the newest `keep` runs that began their command,
 * the newest few that did not, the newest success (or, as long as there is none, the oldest run), and every run that is not over.
 *
 * What cannot be removed stays: it harms nobody, and it is tried again.
 */
export function sweepRuns(machine: Host, store: StoreDirectory, job: string, keep: number): void {
  const host = pinnedHost(machine, store);
  const history = new RunHistory(host, store);
  const directory = jobDirectory(store.path, job);
  const beside = new Set(host.files.list(directory)?.filter((file) => BESIDE.test(file)));
  const old: Run[] = [];
  let begun = 0;
  let idle = 0;
  let succeeded = 0;
  for (const run of history.each(job)) {
    if (run.ended?.outcome === 'succeeded') succeeded += 1;
    const place = run.attempts.length > 0 ? ++begun <= keep : ++idle <= KEPT_IDLE;
    const isNewestSuccess = run.ended?.outcome === 'succeeded' && succeeded === 1;
    if (place || isNewestSuccess || !isOver(history.stateOf(run))) dropBeside(host, directory, run, beside);
    else old.push(run);
  }
  // A job that never succeeded is late as from its first run.
  if (succeeded === 0) old.pop();
  for (const run of old) remove(host, directory, run);
  sweepLeftovers(host, directory);
}

function isOver(state: RunState): boolean {
  return state === 'ended' || state === 'lost';
}

/** The output goes first: without a record nobody would know whose it is. */
function remove(host: Host, directory: string, run: Run): void {
  for (const file of [endFile(run), outputFile(run), runFile(run)]) removeQuietly(host, `${directory}/${file}`);
}

/** Of a run whose record says how it ended, a crash may have left the rest. A lost run's output is kept with its record. */
function dropBeside(host: Host, directory: string, run: Run, beside: ReadonlySet<string>): void {
  if (!run.ended || host.clock.wallMicros() / 1_000 - run.ended.at < LEFT_BEHIND_MS) return;
  for (const file of [endFile(run), outputFile(run)]) if (beside.has(file)) removeQuietly(host, `${directory}/${file}`);
}

function sweepLeftovers(host: Host, directory: string): void {
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

function removeQuietly(host: Host, path: string): void {
  try {
    host.files.remove(path);
  } catch {
    // Another user's, in a shared store; or the disk failed.
  }
}
