import prettyMs from 'pretty-ms';
import { gripOf, type Item, isPrivate, parsePrivateFile } from '../../../lib/internal.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { counted } from '../../text/quantities.ts';
import { Findings } from './finding.ts';
import type { Opened } from './patient.ts';

/** A living process needs such a file for a second at most. */
const OLD_MS = 3_600_000;
/** The current epoch and the one before it. */
const KEPT_EPOCHS = 2;
const GUARDED_EPOCHS = 65;
const OUR_DIRECTORIES = ['resources', 'new', 'sessions', 'beats', 'jobs', 'hints', 'remote'];
const OUR_FILES = ['guarded', 'forgotten', '.gitignore'];
const SESSION_FILE = /^([1-9]\d{0,9})-([^.]+)(\.lock|\.life|\.command)?$/;
/** Lifelines for later sessions. */
const SPARE = 'spare';

/** Checks for leftovers of crashes, and for files of others. Journals are never touched. */
export function checkLeftovers(opened: Opened): Findings {
  const found = new Findings('leftovers');
  addSessions(found, opened);
  addPrivate(found, opened);
  addDirectories(found, opened);
  addStrangers(found, opened);
  addEpochs(found, opened);
  if (found.isCalm) found.ok('nothing was left behind');
  return found;
}

/** Checks that journals can be read. */
export function checkJournals({ resources }: Opened): Findings {
  const found = new Findings('journals');
  for (const { directory, failure } of resources) {
    if (!failure) continue;
    found.problem({
      what: `a journal cannot be used: ${messageWithRemedy(failure)}`,
      where: directory,
      why: 'No process can acquire this resource.',
      remedy: 'Use one version of Lockstep everywhere. If the resource is no longer used, move its directory away.',
    });
  }
  if (found.isCalm) found.ok(`${counted(resources.length, 'journal')} can be read`);
  return found;
}

/**
 * A session's files are leftovers if no process here has its pid or its lifeline, it owns no entry of any line, and none of
 * them has changed for an hour. (If its process is alive where it cannot be seen from here, it needs its files only as
 * the owner of an entry, and creates them again then.)
 */
function addSessions(found: Findings, opened: Opened): void {
  const { scan, resources } = opened;
  // A journal that cannot be read may have entries of any session.
  if (resources.some(({ failure }) => failure)) return;
  const owners = new Set(
    resources.flatMap(({ line }) => line?.entries.flatMap(({ owners }) => owners.map(({ session }) => session)) ?? []),
  );
  const items = scan.items('sessions');
  const isDead = ({ name }: Item): boolean => {
    const [, pid, key = ''] = SESSION_FILE.exec(name) ?? [];
    if (pid === undefined || owners.has(key) || isThere(opened, Number(pid))) return false;
    const files = items.filter((one) => one.name.startsWith(`${pid}-${key}`));
    return files.every((one) => isOld(opened, one) && gripOf(opened.host, one.path) !== 'held');
  };
  addRemovable(found, opened, items.filter(isDead), 'files of sessions that are gone');
}

function isThere({ host }: Opened, pid: number): boolean {
  return host.processes.state(pid, pid) !== 'gone';
}

function isOld({ host }: Opened, { modifiedMs }: Item): boolean {
  return host.clock.wallMicros() / 1_000 - modifiedMs > OLD_MS;
}

/** Files to be renamed into place, of processes that were killed before they did it. */
function addPrivate(found: Findings, opened: Opened): void {
  const { resources, scan } = opened;
  const sessions = scan.items('sessions').map(({ name }) => name);
  const isOrphan = (key: string): boolean => {
    const owner = sessions.find((name) => name.endsWith(`-${key}`));
    return owner === undefined || !isThere(opened, Number.parseInt(owner, 10));
  };
  const next = resources.flatMap(({ others }) =>
    others.filter(({ name }) => {
      const parsed = parsePrivateFile(name);
      return parsed !== null && isOrphan(parsed.key);
    }),
  );
  const reports = scan.items('beats').filter(({ name }) => isPrivate(name));
  const old = [...next, ...reports].filter((item) => item.kind === 'file' && isOld(opened, item));
  addRemovable(found, opened, old, 'private files that were not finished');
}

/** Files and directories to be renamed into place, and other temporary ones. */
function addDirectories(found: Findings, opened: Opened): void {
  const items = ['', ...OUR_DIRECTORIES].flatMap((within) => opened.scan.items(within));
  const old = items.filter((item) => /^\.(make|look|doctor|line|new)\./.test(item.name) && isOld(opened, item));
  addRemovable(found, opened, old, 'temporary files and directories');
}

function addRemovable(found: Findings, { host, fix }: Opened, items: readonly Item[], what: string): void {
  if (items.length === 0) return;
  const removed = fix ? items.filter((item) => isRemoved(host.files, item)) : [];
  const oldest = Math.min(...items.map(({ modifiedMs }) => modifiedMs));
  const words = {
    where: listed(items.map(({ path }) => path)),
    why: 'They do no harm.',
  };
  const age = prettyMs(Math.max(0, Date.now() - oldest), { unitCount: 1 });
  if (removed.length > 0)
    found.note({
      ...words,
      what: `removed ${removed.length} ${what}`,
      where: listed(removed.map(({ path }) => path)),
      fixed: true,
    });
  if (removed.length < items.length)
    found.note({
      ...words,
      what: `${items.length - removed.length} ${what}, the oldest for ${age}`,
      remedy: 'lockstep doctor --fix removes them.',
    });
}

/** A directory is removed only if it is empty; one in which a new resource was prepared has a file of its own. */
function isRemoved(files: Opened['host']['files'], { kind, name, path }: Item): boolean {
  try {
    const own = kind === 'directory' && name.startsWith('.new.') ? (files.list(path) ?? []) : [];
    for (const file of own) files.remove(`${path}/${file}`);
    return kind === 'directory' ? files.removeDirectory(path) : files.remove(path);
  } catch {
    return false;
  }
}

/** All paths, for programs; the report shows the first few. */
function listed(paths: readonly string[]): string {
  return paths.join('\n');
}

function addStrangers(found: Findings, { scan, resources }: Opened): void {
  const isOurs = ({ name }: Item) =>
    [...OUR_DIRECTORIES, ...OUR_FILES].includes(name) || /^\.(make|look|doctor)\./.test(name);
  const strangers = [
    ...scan.items('').filter((item) => !isOurs(item)),
    ...scan.resources().strangers.filter(({ name }) => !/^\.(make|look)\./.test(name)),
    ...resources.flatMap(({ others }) =>
      others.filter(({ name }) => parsePrivateFile(name) === null && name !== 'guard' && !/^\.look\./.test(name)),
    ),
    ...scan
      .items('sessions')
      .filter(({ name }) => !SESSION_FILE.test(name) && name !== SPARE && !/^\.(make|line)\./.test(name)),
  ];
  if (strangers.length === 0) return;
  found.note({
    what: `${counted(strangers.length, 'thing')} in the store, not of Lockstep, or of a later version`,
    where: listed(strangers.map(({ path }) => path)),
    why: 'They are ignored.',
    remedy: 'If you know them, move them away.',
  });
}

function addEpochs(found: Findings, { resources, directory }: Opened): void {
  const kept = directory.guarded ? GUARDED_EPOCHS : KEPT_EPOCHS;
  const unswept = resources.filter(({ epochs }) => epochs.length > kept);
  if (unswept.length === 0) return;
  found.note({
    what: `more journals than needed, for ${counted(unswept.length, 'resource')}`,
    where: listed(unswept.map((one) => one.directory)),
    why: 'A process was killed during a rotation. They do no harm.',
    remedy: 'Nothing: the next rotation removes them.',
  });
}
