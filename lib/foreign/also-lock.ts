import { MisuseError } from '../errors.ts';
import { absolute } from '../host/absolute-path.ts';
import { checkMs, checkSwitch, OptionNames } from '../options/option-names.ts';

/** The lock that programs get by `lockfile.lock(FILE, …)` of the package proper-lockfile. The options have that package's names. */
export interface AlsoProperLockfile {
  /** The file that these programs lock: the first argument of their `lock`. */
  'proper-lockfile': string;
  /**
   * After how many ms without a refresh a lock counts as left behind. It must be no less than that of the other programs. Ours is
   * refreshed each second, which is often enough for any. Default: 10,000; at least 2,000.
   */
  stale?: number;
  /** Whether symbolic links in the path are followed; the file must exist then. Default: true. */
  realpath?: boolean;
  /** The lock directory, where the programs give one. Default: the file's path with `.lock`. */
  lockfilePath?: string;
}

/** The kernel's lock that programs get by `flock FILE`, or by flock(2). */
export interface AlsoFlock {
  /** The file or directory that these programs lock. It is made if it is missing, and never changed. */
  flock: string;
}

/** A lock of programs that do not use Lockstep: {@link AlsoProperLockfile} or {@link AlsoFlock}. */
export type AlsoLock = AlsoProperLockfile | AlsoFlock;

/** For its own file. */
export const OF_THE_FILE = 'proper-lockfile';

const PROPER_LOCKFILE = new OptionNames<AlsoProperLockfile>("alsoLock: { 'proper-lockfile': file, … }", {
  'proper-lockfile': true,
  stale: true,
  realpath: true,
  lockfilePath: true,
});
const FLOCK = new OptionNames<AlsoFlock>('alsoLock: { flock: file, … }', { flock: true });
const LEAST_STALE_MS = 2_000;
const EITHER = "write { 'proper-lockfile': file } or { flock: file }";

/** The option with its paths made absolute; undefined if it is not given. @throws {MisuseError} */
export function resolvedAlsoLock(given: unknown): AlsoLock | undefined {
  if (given === undefined) return undefined;
  if (given === OF_THE_FILE)
    throw new MisuseError(
      `alsoLock: 'proper-lockfile' is for a JsonFile, whose file it is. For a lock name the file: ${EITHER}`,
    );
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new MisuseError(
      `alsoLock takes an object, not ${typeof given === 'string' ? `'${given}'` : String(given)}: ${EITHER}`,
    );
  const isFlock = 'flock' in given;
  if (isFlock === OF_THE_FILE in given) throw new MisuseError(`alsoLock takes one lock of other programs: ${EITHER}`);
  (isFlock ? FLOCK : PROPER_LOCKFILE).check(given);
  const also = given as AlsoLock;
  return 'flock' in also ? { flock: pathOf('flock', also.flock) } : resolvedProperLockfile(also);
}

function resolvedProperLockfile(also: AlsoProperLockfile): AlsoProperLockfile {
  const { 'proper-lockfile': file, stale, realpath, lockfilePath } = also;
  checkMs('alsoLock.stale', stale);
  checkSwitch('alsoLock.realpath', realpath);
  if (stale !== undefined && stale < LEAST_STALE_MS)
    throw new MisuseError(`alsoLock.stale must be at least ${LEAST_STALE_MS} ms, as in proper-lockfile, not ${stale}`);
  return {
    'proper-lockfile': pathOf('proper-lockfile', file),
    ...(stale === undefined ? {} : { stale }),
    ...(realpath === undefined ? {} : { realpath }),
    ...(lockfilePath === undefined ? {} : { lockfilePath: pathOf('lockfilePath', lockfilePath) }),
  };
}

/** @throws {MisuseError} */
function pathOf(name: string, given: unknown): string {
  if (typeof given === 'string' && given !== '' && !given.includes('\0')) return absolute(given);
  throw new MisuseError(`alsoLock.${name} must be a path that is not empty and has no NUL`);
}
