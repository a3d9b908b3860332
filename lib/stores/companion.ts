import { findCompanionDirectory } from '../disk/companion-directory.ts';
import type { PlaceWishes } from '../disk/store-directory.ts';
import { storePath } from '../disk/store-directory.ts';
import type { Host } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { encodeName } from '../store/name.ts';

/** As `parseEtcdUrl` has them: this file must know them without loading it. */
const DEFAULT_PORT = 2379;
const DEFAULT_PREFIX = 'lockstep';

const PARTS = /^[a-z+]+:\/\/(?:[^@/?#]*@)?([^/?#]*)(?:\/([^?#]*))?/i;
const MAX_NAME = 150;

const found = new Map<string, StoreDirectory>();

/**
 * Returns the directory on this machine of a store on servers, `<the user's store on disk>/remote/<its place>`: for the records and
 * the outputs of runs, and the reports of programs, of this machine; those of others are fetched to it.
 *
 * @throws {StoreError} if what is there cannot be trusted
 */
export function companionOf(url: string): StoreDirectory {
  const name = companionName(url);
  const known = found.get(name);
  if (known) return known;
  const directory = companionAt(nodeHost, name);
  found.set(name, directory);
  return directory;
}

/** The same for a caller that only reads, by a host that cannot write. */
export function companionToRead(host: Host, url: string): StoreDirectory {
  return companionAt(host, companionName(url), { looks: true });
}

/** `$LOCKSTEP_STORE` names the store on servers, so it is not asked. */
function companionAt(host: Host, name: string, wishes: PlaceWishes = {}): StoreDirectory {
  const { LOCKSTEP_STORE: _, ...env } = process.env;
  return findCompanionDirectory(host, storePath(host, undefined, env), name, wishes);
}

/**
 * The name of the directory. Two spellings of one store have the same: it has neither user nor options, the hosts are sorted, and
 * what a URL may leave out is there.
 */
export function companionName(url: string): string {
  const [, hosts = '', path = ''] = PARTS.exec(url) ?? [];
  const endpoints = hosts.toLowerCase().split(',').map(withPort).sort();
  const place = `${endpoints.join(',')}/${prefixIn(path)}`;
  if (place.length <= MAX_NAME) return encodeName(place);
  // A name may not be as long as a list of hosts.
  const digits = process.getBuiltinModule('node:crypto').createHash('sha256').update(place).digest('hex');
  return encodeName(`${place.slice(0, MAX_NAME)}~${digits.slice(0, 32)}`);
}

function withPort(host: string): string {
  return /:\d+$/.test(host) ? host : `${host}:${DEFAULT_PORT}`;
}

/** Escaped anew, whatever was escaped in the URL. */
function prefixIn(path: string): string {
  const prefix = path.replace(/\/+$/, '');
  try {
    return prefix === '' ? DEFAULT_PREFIX : prefix.split('/').map(decodeURIComponent).map(encodeURIComponent).join('/');
  } catch {
    return prefix;
  }
}
