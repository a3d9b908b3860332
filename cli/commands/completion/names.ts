import { homedir } from 'node:os';
import { directoryOf, openStore } from '../../../lib/disk/open-store.ts';
import { storePath } from '../../../lib/disk/store-directory.ts';
import { beatsDirectory, isPrivate, nameOfFile } from '../../../lib/heartbeat/report-file.ts';
import { nodeHost } from '../../../lib/host/node-host.ts';
import { RunLog } from '../../../lib/jobs/run-log.ts';
import type { LineView, Store } from '../../../lib/store/store.ts';
import { hasUnseen } from '../../text/escape.ts';
import type { Candidate } from './expected.ts';

/** Of more resources than this, only the names are told: to look into each takes its time. */
const MAX_SEEN = 200;
const MAX_NAMES = 1_000;

const LOCKS = ['lock', 'semaphore'];
/** Whose names a verb takes, where it is not any resource's. */
const KINDS: Record<string, readonly string[]> = {
  run: LOCKS,
  acquire: LOCKS,
  release: LOCKS,
  event: ['event'],
  barrier: ['barrier'],
  counter: ['counter'],
};
const REPORTERS = ['beat', 'monitor'];
const JOBS = ['job', 'jobs'];
/** Jobs and resources. */
const BOTH = ['history'];

/**
 * The names that a verb may mean, which begin with `prefix`. Makes no store.
 *
 * @throws {StoreError} if it cannot be used
 */
export function namesFor(verb: string, directory: string | undefined, prefix: string): Candidate[] {
  const place = storePath(nodeHost, directory?.replace(/^~(?=\/|$)/, homedir()));
  if (nodeHost.files.look(place)?.kind !== 'directory') return [];
  // What is not guarded yet is not made so by looking at it.
  const store = openStore(place, { guarded: false });
  return found(verb, store, prefix)
    .filter(({ value }) => canBeTyped(value))
    .slice(0, MAX_NAMES);
}

function found(verb: string, store: Store, prefix: string): Candidate[] {
  const starts = (name: string) => name.startsWith(prefix);
  if (REPORTERS.includes(verb)) return reporters(store).filter(starts).map(plain);
  const jobs = JOBS.includes(verb) || BOTH.includes(verb) ? jobsIn(store).filter(starts).map(plain) : [];
  if (JOBS.includes(verb)) return jobs;
  const names = store.sync?.names().filter(starts) ?? [];
  const resources = names.length > MAX_SEEN ? names.map(plain) : names.flatMap((name) => seen(verb, store, name));
  return [...jobs, ...resources.filter(({ value }) => !jobs.some((job) => job.value === value))];
}

function seen(verb: string, store: Store, name: string): Candidate[] {
  const line = lineOf(store, name);
  const isMeant = line === null || (KINDS[verb]?.includes(line.kind) ?? true);
  return isMeant ? [{ value: name, describe: line === null ? '' : described(line) }] : [];
}

/** One that cannot be read hides no other. */
function lineOf(store: Store, name: string): LineView | null {
  try {
    return store.sync?.snapshot(name) ?? null;
  } catch {
    return null;
  }
}

function described({ kind, entries }: LineView): string {
  const holding = entries.filter(({ state }) => state === 'holding').length;
  const waiting = entries.length - holding;
  const counts = [holding > 0 ? `${holding} holding` : '', waiting > 0 ? `${waiting} waiting` : ''];
  return [kind, ...counts.filter(Boolean)].join(', ');
}

function reporters(store: Store): string[] {
  const files = nodeHost.files.list(beatsDirectory(directoryOf(store).path)) ?? [];
  // Of a long name, the file tells the beginning only.
  return files.filter((file) => !isPrivate(file) && !file.includes('~')).map(nameOfFile);
}

function jobsIn(store: Store): string[] {
  return new RunLog(nodeHost, directoryOf(store)).jobs();
}

function plain(value: string): Candidate {
  return { value, describe: '' };
}

/** A dash in front makes it an option, and nobody types what cannot be seen. */
function canBeTyped(name: string): boolean {
  return !name.startsWith('-') && !hasUnseen(name);
}
