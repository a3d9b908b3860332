import os from 'node:os';
import path from 'node:path';
import type { FileFacts, Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { homeDirectory, pathFromCaller, pathFromEnvironment } from './given-path.ts';
import { StoreGround, type StorePolicy, type StoreWishes } from './store-ground.ts';
import { modeText, refusal } from './store-place.ts';

export type { StoreDirectory } from '../host/own-directory.ts';
export type { StoreWishes } from './store-ground.ts';

/** Wishes of a caller that opens a store at a path. */
export interface PlaceWishes extends StoreWishes {
  /**
   * The caller only reads, by a host that cannot write. Then root may see every user's store: nothing of root's gets into it, and
   * root relies on nothing in it.
   */
  looks?: boolean;
}

/**
 * Where the store on disk is: `directory` if given, else `$LOCKSTEP_STORE`, else `$LOCKSTEP_DIR`, else the user's own default.
 *
 * @throws {MisuseError} for a path that can be no store's, a URL, and a variable that is not absolute
 */
export function storePath(host: Host, directory?: string, env: NodeJS.ProcessEnv = process.env): string {
  if (directory !== undefined) return pathFromCaller(directory);
  for (const variable of ['LOCKSTEP_STORE', 'LOCKSTEP_DIR']) {
    const named = env[variable];
    if (named) return path.resolve(pathFromEnvironment(variable, named));
  }
  return defaultStorePath(host);
}

/**
 * `~/.local/state/lockstep` in the home that the user database has, or `/var/tmp/lockstep-<uid>` where
 * that home is not there or not the user's own. It ignores HOME and TMPDIR in the environment: cron
 * and a login shell must agree. It also ignores whether the home can be written just now: two processes
 * must never choose differently.
 */
export function defaultStorePath(host: Host): string {
  if (process.platform === 'win32') return path.join(os.homedir(), 'AppData', 'Local', 'lockstep');
  const uid = host.processes.uid();
  const home = homeDirectory();
  const facts = home === null ? null : host.files.look(home);
  if (home !== null && facts?.kind === 'directory' && facts.uid === uid)
    return path.join(home, '.local/state/lockstep');
  return `/var/tmp/lockstep-${uid}`;
}

/**
 * Makes the user's private store if it is not there, and refuses one that other users can change. With
 * `shared`, its group may.
 *
 * @throws {StoreError}
 */
export function openStoreDirectory(host: Host, directory: string, wishes: PlaceWishes = {}): StoreDirectory {
  const store = findStoreDirectory(host, directory, wishes);
  store.remake();
  return store;
}

/**
 * The same, but a store that is not there is made at its first use, not here: a look leaves nothing behind.
 *
 * @throws {StoreError} if what is there cannot be trusted
 */
export function findStoreDirectory(host: Host, directory: string, wishes: PlaceWishes = {}): StoreDirectory {
  const ground = new StoreGround(host, directory, wishes, new OwnStorePolicy(host, directory, wishes));
  ground.check();
  return ground;
}

/** A store that its path names. */
export class OwnStorePolicy implements StorePolicy {
  readonly #host: Host;
  readonly #directory: string;
  readonly #shared: boolean;
  readonly #looks: boolean;

  constructor(host: Host, directory: string, { shared, looks = false }: PlaceWishes) {
    this.#host = host;
    this.#directory = directory;
    this.#looks = looks;
    this.#shared = shared ?? process.env.LOCKSTEP_SHARED === '1';
  }

  make(): void {
    const { files } = this.#host;
    if (files.look(this.#directory) === null) makeParents(this.#host, path.dirname(this.#directory));
    files.makeDirectory(this.#directory, this.plannedMode());
  }

  plannedMode(): number {
    return this.#shared ? 0o2770 : 0o700;
  }

  check(facts: FileFacts): number {
    const uid = this.#host.processes.uid();
    const isForGroup = this.#shared && (facts.mode & 0o020) !== 0;
    if (this.#looks && isForeignTo(this.#host, facts)) return facts.mode;
    if (uid !== -1) checkOwner(this.#directory, facts, uid, isForGroup);
    return isForGroup ? facts.mode : 0o700;
  }
}

/** Whether this process is root, and the store another user's: then it may be looked at, and not used. */
export function isForeignTo(host: Host, { kind, uid }: FileFacts): boolean {
  return kind === 'directory' && host.processes.uid() === 0 && uid !== 0;
}

function checkOwner(directory: string, facts: FileFacts, uid: number, isForGroup: boolean): void {
  const isForAll = (facts.mode & 0o002) !== 0;
  if (isForGroup && !isForAll) return;
  const isGroups = (facts.mode & 0o020) !== 0 && !isForAll;
  const hint = isGroups ? '; if its group is meant to share it, set LOCKSTEP_SHARED=1' : '';
  const remedy = isForGroup ? 'chmod o-w' : 'chmod 700';
  if (facts.uid !== uid && !isForGroup)
    throw refusal(directory, `it belongs to another user (uid ${facts.uid})${hint}`);
  if ((facts.mode & 0o022) !== 0)
    throw refusal(directory, `others may write in it (mode ${modeText(facts)}); ${remedy} corrects that${hint}`);
}

function makeParents(host: Host, directory: string): void {
  if (host.files.look(directory) !== null) return;
  const parent = path.dirname(directory);
  if (parent !== directory) makeParents(host, parent);
  host.files.makeDirectory(directory, 0o700);
}
