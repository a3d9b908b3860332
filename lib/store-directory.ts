import os from 'node:os';
import path from 'node:path';
import { absolute } from './absolute.ts';
import { StoreError } from './errors.ts';
import type { FileFacts, Host } from './host.ts';
import { storeErrorOf } from './store-failure.ts';

/** File systems on which appends of several machines do not stay whole, by the number `statfs` gives them. */
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x01021997, '9P'],
  [0x6a656a63, 'virtiofs'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x19830326, 'BeeGFS'],
  [0x6b414653, 'AFS'],
]);
/** FUSE may be anything: fit for one machine's processes, but no proof that no other machine has it mounted. */
const FUSE = 0x65735546;

/** What a store may be asked to be, beyond one user's own on one machine. */
export interface StoreWishes {
  /**
   * For a directory on a network file system that several machines share: every append under a lock of its own. Slow,
   * and from the store's first use on or never. Default: `LOCKSTEP_GUARDED=1` in the environment. A store that
   * was made so is found to be so by everybody.
   */
  guarded?: boolean;
  /**
   * For a directory that its group may write in: all its members use the store together, and trust each other with
   * it. Default: `LOCKSTEP_SHARED=1` in the environment.
   */
  shared?: boolean;
}

/** A directory that has been found fit to be a store. */
export interface StoreDirectory {
  path: string;
  directoryMode: number;
  fileMode: number;
  /** Whether only this kernel can have it mounted. */
  local: boolean;
  /** Whether appends need a guard, because the file system has none that stay whole. */
  guarded: boolean;
  /** Checks it again, and makes it again if somebody deleted it. */
  remake: () => void;
}

/** Where the store is: `directory` if given, else `$LOCKSTEP_DIR`, else the user's own default. */
export function storePath(host: Host, directory?: string): string {
  const chosen = directory ?? (process.env.LOCKSTEP_DIR || undefined);
  return chosen === undefined ? defaultStorePath(host) : absolute(chosen);
}

/**
 * `~/.local/state/lockstep` in the home that the user database has, or `/var/tmp/lockstep-<uid>` where
 * that home is not there or not the user's own. The environment's HOME and TMPDIR are not asked: cron
 * and a login shell must agree. Nor is asked whether the home can be written just now: two processes
 * must never choose differently.
 */
export function defaultStorePath(host: Host): string {
  if (process.platform === 'win32') return path.join(os.homedir(), 'AppData', 'Local', 'lockstep');
  const uid = host.processes.uid();
  const home = passwdHome();
  const facts = home === null ? null : host.files.look(home);
  if (home !== null && facts?.kind === 'directory' && facts.uid === uid)
    return path.join(home, '.local/state/lockstep');
  return `/var/tmp/lockstep-${uid}`;
}

function passwdHome(): string | null {
  try {
    const { homedir } = os.userInfo();
    return path.isAbsolute(homedir) ? homedir : null;
  } catch {
    // A uid that the user database does not know, as in many containers.
    return null;
  }
}

/**
 * Makes the user's private store if it is not there, and refuses one that others could tamper with. If it is asked
 * to be shared, its group may.
 */
export function openStoreDirectory(host: Host, directory: string, wishes: StoreWishes = {}): StoreDirectory {
  const { shared = process.env.LOCKSTEP_SHARED === '1' } = wishes;
  return guard(directory, () => {
    const parent = path.dirname(directory);
    if (host.files.look(directory) === null) makeParents(host, parent);
    host.files.makeDirectory(directory, shared ? 0o2770 : 0o700);
    const facts = lookAt(host, directory);
    const isForGroup = shared && (facts.mode & 0o020) !== 0;
    if (host.processes.uid() !== -1) checkOwner(directory, facts, host.processes.uid(), isForGroup);
    const mode = isForGroup ? facts.mode : 0o700;
    return fitDirectory(host, { directory, mode, wishes }, () => openStoreDirectory(host, directory, wishes));
  });
}

function checkOwner(directory: string, facts: FileFacts, uid: number, isForGroup: boolean): void {
  const isForAll = (facts.mode & 0o002) !== 0;
  if (isForGroup && !isForAll) return;
  const isGroups = (facts.mode & 0o020) !== 0 && !isForAll;
  const hint = isGroups ? '; if its group is meant to share it, set LOCKSTEP_SHARED=1' : '';
  const mend = isForGroup ? 'chmod o-w' : 'chmod 700';
  if (facts.uid !== uid && !isForGroup)
    throw refusal(directory, `it belongs to another user (uid ${facts.uid})${hint}`);
  if ((facts.mode & 0o022) !== 0)
    throw refusal(directory, `others may write in it (mode ${modeText(facts)}); ${mend} would mend that${hint}`);
}

/**
 * Makes the store that lives beside a file, `.lockstep` in the file's directory, if it is not there.
 * Whoever may replace files in that directory by being its owner, or of its group, may use it too. Where
 * everybody may write, as in `/tmp`, it is its maker's alone.
 */
export function openDirectoryBeside(host: Host, file: string, wishes: StoreWishes = {}): StoreDirectory {
  const parent = path.dirname(file);
  const directory = path.join(parent, '.lockstep');
  return guard(directory, () => {
    const around = lookAt(host, parent);
    const mode = (around.mode & 0o002) === 0 ? around.mode & 0o2770 : 0;
    host.files.makeDirectory(directory, mode | 0o700);
    const facts = lookAt(host, directory);
    const trusted = [host.processes.uid(), around.uid];
    const throughGroup = (around.mode & 0o020) !== 0 && facts.gid === around.gid;
    if (host.processes.uid() !== -1) {
      if (!trusted.includes(facts.uid) && !throughGroup)
        throw refusal(directory, `it belongs to another user (uid ${facts.uid})`);
      if ((facts.mode & 0o002) !== 0)
        throw refusal(directory, `everybody may write in it (mode ${modeText(facts)}); chmod o-w would mend that`);
    }
    return fitDirectory(host, { directory, mode: facts.mode, wishes }, () => openDirectoryBeside(host, file, wishes));
  });
}

/**
 * Refuses a directory of the store's own that is none, or that a symbolic link has the place of: what is written
 * into it would be written elsewhere. Throws as a system call would.
 */
export function checkOwnDirectory(host: Host, directory: string): void {
  const facts = host.files.look(directory);
  if (facts === null || facts.kind === 'directory') return;
  const code = facts.kind === 'link' ? 'ELOOP' : 'ENOTDIR';
  throw Object.assign(new Error(`${code}: not a directory of the store, '${directory}'`), { code, path: directory });
}

interface Found {
  directory: string;
  mode: number;
  wishes: StoreWishes;
}

function fitDirectory(host: Host, { directory, mode, wishes }: Found, remake: () => void): StoreDirectory {
  const type = host.files.fileSystemType(directory);
  const network = type === null ? undefined : NETWORK_FILE_SYSTEMS.get(type);
  const guarded = isGuarded(host, directory, wishes, mode & 0o660);
  if (network !== undefined && !guarded) {
    throw new StoreError(
      'STORE_NETWORK',
      `the store ${directory} is on a network file system (${network}), where appends are not atomic. Choose a local directory with --dir or $LOCKSTEP_DIR; or, if several machines must share it, read of guarded stores in docs/guarantees.md and set LOCKSTEP_GUARDED=1.`,
      { operation: 'open', path: directory },
    );
  }
  return {
    path: directory,
    directoryMode: mode & 0o2770,
    fileMode: mode & 0o660,
    local: type !== null && type !== FUSE && network === undefined,
    guarded,
    remake,
  };
}

/** The file in a store by which everybody who opens it knows that its appends are guarded. */
const GUARDED = 'guarded';

/**
 * A store is guarded from its first use on, or never: some who guard their appends and some who do not would not be
 * apart from each other.
 */
function isGuarded(host: Host, directory: string, wishes: StoreWishes, fileMode: number): boolean {
  const { guarded: asked = process.env.LOCKSTEP_GUARDED === '1' } = wishes;
  const marker = path.join(directory, GUARDED);
  if (host.files.look(marker) !== null) return true;
  if (!asked) return false;
  if (host.files.look(path.join(directory, 'resources')) !== null)
    throw refusal(directory, 'it was used without guarded appends before, and now LOCKSTEP_GUARDED asks for them');
  try {
    host.files.close(host.files.create(marker, fileMode));
  } catch (error) {
    // Somebody else makes it at this moment.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return true;
}

function makeParents(host: Host, directory: string): void {
  if (host.files.look(directory) !== null) return;
  const parent = path.dirname(directory);
  if (parent !== directory) makeParents(host, parent);
  host.files.makeDirectory(directory, 0o700);
}

function lookAt(host: Host, directory: string): FileFacts {
  const facts = host.files.look(directory);
  if (facts === null) throw Object.assign(new Error('ENOENT: it is gone'), { code: 'ENOENT', path: directory });
  if (facts.kind === 'link') throw refusal(directory, 'it is a symbolic link');
  if (facts.kind !== 'directory') throw refusal(directory, 'it is not a directory');
  return facts;
}

function modeText(facts: FileFacts): string {
  return `0${facts.mode.toString(8)}`;
}

function refusal(directory: string, why: string): StoreError {
  return new StoreError(
    'STORE_UNSAFE',
    `the store ${directory} cannot be trusted: ${why}. Nothing was changed. Mend it, or choose another store with --dir or $LOCKSTEP_DIR.`,
    {
      operation: 'open',
      path: directory,
    },
  );
}

function guard<T>(directory: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw storeErrorOf(error, { operation: 'open the store', path: directory });
  }
}
