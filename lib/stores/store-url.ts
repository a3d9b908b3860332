import { MisuseError } from '../errors.ts';

const URL = /^([a-z][a-z0-9+.-]*):\/\//i;
const ETCD = /^etcds?:\/\//i;
/**
 * No URL, but meant as one: a scheme and a slash too few, or a server without a scheme. A directory of that name would be made, and
 * exclude nobody on another machine.
 */
const MISTAKEN = /^\s*(?:[a-z][a-z0-9+.-]+:\/|etcds?:|[\w.-]+:\d+(?:[/,?]|$))/i;
/** Between a user and the hosts, or as an option. The store's own reading of the URL is finer, and comes later. */
const PASSWORD = /^[a-z]+:\/\/[^/?]*:[^/?]*@|[?&]password=/i;

/** A document in a store, as a URL names it. */
export interface DocumentPlace {
  /** The URL of the store. */
  readonly store: string;
  /** The name of the document, and of its lock. */
  readonly name: string;
}

/**
 * The document that a URL names: the last part of the path is its name, the rest is the store. Null if it is no URL, but a path.
 *
 * @throws {MisuseError} if it names no document, or its store is of no engine that there is
 */
export function documentPlace(given: string): DocumentPlace | null {
  // A file may well have a colon in its name; one that begins with our scheme has none by accident.
  if (!isUrl(given) && !/^\s*etcds?:/i.test(given)) return null;
  storeUrl(given);
  const [, store, last, query = ''] = /^([a-z]+:\/\/[^/?]+(?:\/[^?]*)?)\/([^/?]+)(\?.*)?$/i.exec(given) ?? [];
  if (store !== undefined && last !== undefined)
    try {
      return { store: store + query, name: decodeURIComponent(last) };
    } catch {
      // A '%' that begins no character.
    }
  throw new MisuseError(`'${given}' names no document. Write etcd://HOST:2379/PREFIX/NAME.json`);
}

/** Whether a place is the URL of a store, and no path. */
export function isUrl(place: string): boolean {
  return URL.test(place);
}

/**
 * The URL that names the store: the given one, else that of `$LOCKSTEP_STORE`. Null if a path does, or nothing.
 *
 * @throws {MisuseError} if it is of no engine that there is, has a password in it, or is a path that was meant as a URL
 */
export function storeUrl(given?: unknown, { LOCKSTEP_STORE: named }: NodeJS.ProcessEnv = process.env): string | null {
  const [place, source] = given === undefined ? [named, '$LOCKSTEP_STORE'] : [given, 'the store'];
  if (typeof place !== 'string') return null;
  if (!isUrl(place)) {
    checkPath(place, source);
    return null;
  }
  // Before anything that could show it.
  if (PASSWORD.test(place))
    throw new MisuseError(
      `${source} is a URL with a password, which everybody can read in the list of processes. Put it into $LOCKSTEP_ETCD_PASSWORD, or into a file and its path into $LOCKSTEP_ETCD_PASSWORD_FILE.`,
    );
  if (ETCD.test(place)) return place;
  throw new MisuseError(
    `${source} is '${place.slice(0, 200)}', and there are no stores on ${URL.exec(place)?.[1]}. Write etcd://HOST:2379/PREFIX, or the path of a directory.`,
  );
}

function checkPath(place: string, source: string): void {
  if (!MISTAKEN.test(place)) return;
  const shown = place.slice(0, 200).replace(/:[^:@/]*@/, ':…@');
  throw new MisuseError(
    `${source} is '${shown}', which is no URL. Write etcd://HOST:2379/PREFIX; or, for a directory of that name, its whole path.`,
  );
}
