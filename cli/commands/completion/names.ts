import { homedir } from 'node:os';
import { type LineView, openStore, type Store } from '../../../lib/index.ts';
import {
  beatsDirectory,
  byDeadline,
  directoryOf,
  isPrivate,
  nameOfFile,
  nodeHost,
  storePath,
  storeUrl,
} from '../../../lib/internal.ts';
import { openRunLog } from '../../../lib/jobs/index.ts';
import { hasUnseen } from '../../text/escape.ts';
import type { Candidate } from './expected.ts';

/** With more resources than this, only names are listed: reading each line takes time. */
const MAX_SEEN = 200;
const MAX_NAMES = 1_000;

const LOCKS = ['lock', 'semaphore'];
/** The kinds whose names a verb takes, where it does not take all. */
const KINDS: Record<string, readonly string[]> = {
  run: LOCKS,
  acquire: LOCKS,
  release: LOCKS,
  event: ['event'],
  barrier: ['barrier'],
  counter: ['counter'],
  queue: ['queue'],
};
const REPORTERS = ['beat', 'monitor'];
const JOBS = ['job', 'jobs'];
/** Verbs that take names of jobs and of resources. */
const BOTH = ['history', 'forget'];

/**
 * The names that a verb takes and that begin with `prefix`. Creates no store.
 *
 * @throws {StoreError} if it cannot be used
 */
export async function namesFor(verb: string, directory: string | undefined, prefix: string): Promise<Candidate[]> {
  const url = storeUrl(directory);
  if (url !== null) return namesOnServers(verb, openStore(url), prefix);
  const place = storePath(nodeHost, directory?.replace(/^~(?=\/|$)/, homedir()));
  if (nodeHost.files.look(place)?.kind !== 'directory') return [];
  // Reading a store must not make it a guarded one.
  const store = openStore(place, { guarded: false });
  return found(verb, store, prefix)
    .filter(({ value }) => canBeTyped(value))
    .slice(0, MAX_NAMES);
}

/** A name is being typed: servers that take longer have none to offer. */
const PATIENCE_MS = 300;

async function namesOnServers(verb: string, store: Store, prefix: string): Promise<Candidate[]> {
  if (REPORTERS.includes(verb) || JOBS.includes(verb)) return [];
  let candidates: Candidate[] = [];
  const reading = readOnServers(verb, store, prefix).then(
    (read) => {
      candidates = read;
    },
    () => undefined,
  );
  await byDeadline(reading, PATIENCE_MS);
  return candidates;
}

async function readOnServers(verb: string, store: Store, prefix: string): Promise<Candidate[]> {
  const names = (await store.names()).filter((name) => name.startsWith(prefix) && canBeTyped(name)).slice(0, MAX_NAMES);
  if (names.length > MAX_SEEN) return names.map(plain);
  const lines = await store.snapshots(names);
  return names.flatMap((name, at) => meant(verb, name, lines[at] ?? null));
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
  return meant(verb, name, lineOf(store, name));
}

function meant(verb: string, name: string, line: LineView | null): Candidate[] {
  const isMeant = line === null || (KINDS[verb]?.includes(line.kind) ?? true);
  return isMeant ? [{ value: name, describe: line === null ? '' : described(line) }] : [];
}

/** Null also for a line that cannot be read: the others are listed nevertheless. */
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
  // A long name's file has only its beginning.
  return files.filter((file) => !isPrivate(file) && !file.includes('~')).map(nameOfFile);
}

function jobsIn(store: Store): string[] {
  return openRunLog(store).jobs();
}

function plain(value: string): Candidate {
  return { value, describe: '' };
}

/** A leading dash would make a name an option, and unseen characters cannot be typed. */
function canBeTyped(name: string): boolean {
  return !name.startsWith('-') && !hasUnseen(name);
}
