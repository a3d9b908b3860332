import { type ForgetOptions, openStore, type Store } from '../../../lib/index.ts';
import { directoryOf, holdersIn, type JobRecords, nodeHost, recordsOf, SharedRuns } from '../../../lib/internal.ts';
import { fetchRunLog, type RunLog } from '../../../lib/jobs/index.ts';
import { describeHolders } from '../../access/holder-words.ts';
import { sayNoSuchName } from '../../access/known-name.ts';
import { targetOf } from '../../access/target.ts';
import { parseDuration } from '../../args/duration.ts';
import type { NamesArguments } from '../../args/options.ts';
import { EXIT, Exit, exitCodeOf, MissingWord, say } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { retiredJob, whyJobStays } from './retired-job.ts';

export interface ForgetArguments extends NamesArguments {
  file?: string | undefined;
  olderThan?: string | undefined;
}

const CODES = { forgotten: EXIT.ok, unknown: EXIT.failed, 'in use': EXIT.notAcquired } as const;

/** Forgets each of the names; a failure of one does not stop the others. */
export async function forgetNames({ names = [], file, dir, olderThan }: ForgetArguments): Promise<void> {
  const options = olderThan === undefined ? {} : { idleMs: parseDuration(olderThan, '--older-than') };
  const target = file === undefined ? null : targetOf({ file, dir });
  const store = target?.store ?? openStore(dir);
  const named = target ? [target.name, ...names] : names;
  if (named.length === 0 && olderThan === undefined)
    throw new MissingWord('NAME (or --older-than DURATION, for all that were not used for so long)');
  const isNamed = named.length > 0;
  let exitCode: number = EXIT.ok;
  const log = await fetchRunLog(store, named.length === 1 ? named[0] : undefined);
  for (const name of isNamed ? named : await allNames(store, log)) {
    const code = await forgetOne(store, name, options, isNamed);
    exitCode = Math.max(exitCode, code);
  }
  if (exitCode !== EXIT.ok) throw new Exit(exitCode);
}

/** The names of resources, and of jobs, whose locks may be forgotten already. */
async function allNames(store: Store, log: RunLog): Promise<string[]> {
  return [...new Set([...(await store.names()), ...log.jobs()])].sort();
}

/** `isNamed`: the user has named it, so a message says why it stays. Returns the exit code. */
async function forgetOne(store: Store, name: string, options: ForgetOptions, isNamed: boolean): Promise<number> {
  try {
    const job = retiredJob(directoryOf(store), name);
    const kept = job && whyJobStays(name, job, options.idleMs);
    if (kept) {
      if (isNamed || kept.isOverdue) say(`${name}: not forgotten: ${kept.why}`);
      return isNamed ? EXIT.notAcquired : EXIT.ok;
    }
    const outcome = await store.forget(name, options);
    const runs = outcome === 'in use' ? 0 : await forgetRuns(store, name, job);
    if (outcome === 'forgotten' || runs > 0) {
      process.stdout.write(`${shown(forgottenWords(name, runs))}\n`);
      return EXIT.ok;
    }
    if (!isNamed) return EXIT.ok;
    if (outcome === 'unknown') await sayNoSuchName(store, name);
    else say(`${name}: not forgotten: ${await whyInUse(store, name)}`);
    return CODES[outcome];
  } catch (error) {
    say(messageWithRemedy(error));
    return exitCodeOf(error);
  }
}

/** Removes the records of a job, here and where other machines see them. Returns how many there were. */
async function forgetRuns(store: Store, name: string, job: JobRecords | null): Promise<number> {
  const files = job?.remove() ?? [];
  const open = recordsOf(store);
  if (open) await new SharedRuns(nodeHost, open).remove(name, files);
  return files.length;
}

function forgottenWords(name: string, runs: number): string {
  return `${name}: forgotten${runs === 0 ? '' : `, with ${counted(runs, 'run')}`}`;
}

async function whyInUse(store: Store, name: string): Promise<string> {
  const line = await store.snapshot(name);
  const holders = holdersIn(line);
  if (holders.length > 0) return `held by ${describeHolders(holders)}`;
  const waiting = line?.entries.length ?? 0;
  return waiting > 0 ? `${waiting} waiting` : 'it was used since, or has a value';
}
