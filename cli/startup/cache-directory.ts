import { lstatSync, realpathSync, type Stats } from 'node:fs';

const NAME = 'lockstep';
/** Write permission of the group, and of all others. */
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Returns the directory for what this user's calls keep for later ones: `lockstep` in `$XDG_CACHE_HOME`, or in `$HOME/.cache`.
 * Null if nothing may be read from there, or written there: the kept code is executed later, so only this user may be able to
 * replace it, or a directory above it. In particular root uses no directory of another user, though `sudo` may have kept HOME.
 *
 * Nothing is created. The directory itself may be missing; that in which it stands is not.
 */
export function cacheDirectory({ XDG_CACHE_HOME: cache, HOME: home }: NodeJS.ProcessEnv): string | null {
  // Windows has no such user, nor such permissions.
  const user = process.geteuid?.();
  const parent = cache?.startsWith('/') ? cache : home?.startsWith('/') ? `${home}/.cache` : null;
  if (user === undefined || parent === null) return null;
  try {
    const real = realpathSync.native(parent);
    if (!isPrivate(real, user) || !isOutOfReach(real, user)) return null;
    const directory = `${real}/${NAME}`;
    return lstatSync(directory, { throwIfNoEntry: false }) && !isPrivate(directory, user) ? null : directory;
  } catch {
    return null;
  }
}

/** Whether this is a directory, and no link to one, in which only this user can write. */
function isPrivate(directory: string, user: number): boolean {
  const stat = lstatSync(directory);
  return stat.isDirectory() && isOwn(stat, user);
}

/** Whether only this user can write into a file or directory, as far as its owner and its mode say. */
export function isOwn({ uid, mode }: Stats, user: number): boolean {
  return uid === user && (mode & WRITABLE_BY_OTHERS) === 0;
}

/** Whether no other user, except root, can replace a directory above this one. In a sticky one, only owners replace what is theirs. */
function isOutOfReach(real: string, user: number): boolean {
  for (let at = real.lastIndexOf('/'); at >= 0; at = real.lastIndexOf('/', at - 1)) {
    const { uid, mode } = lstatSync(real.slice(0, at) || '/');
    if (uid !== user && uid !== 0) return false;
    if (mode & WRITABLE_BY_OTHERS && !(mode & STICKY)) return false;
    if (at === 0) break;
  }
  return true;
}
