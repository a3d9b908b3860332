import { MisuseError } from '../../errors.ts';
import { passwordOf, withoutPassword } from '../secret.ts';

/** Where a Redis is, and how its keys begin. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
  readonly prefix: string;
  /** The same as a URL, without the password. */
  readonly place: string;
}

const EXAMPLE = 'redis://HOST:6379/0?prefix=shop';

/**
 * Parses `redis://USER@HOST:6379/0?prefix=shop`; `rediss://` is with TLS. Defaults: port 6379, database 0, prefix `lockstep`. The password
 * comes from `$LOCKSTEP_REDIS_PASSWORD`, or a file (`$LOCKSTEP_REDIS_PASSWORD_FILE`); one in the URL is taken, too, and never shown.
 *
 * @throws {MisuseError} that states what is wrong, and what to write instead
 * @throws {StoreError} if the file of the password cannot be read
 */
export function parseRedisUrl(text: string): RedisAddress {
  const shown = withoutPassword(text);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '')
    throw new MisuseError(`'${shown}' is no URL of a Redis. Write ${EXAMPLE}`);
  const { hostname, port, pathname, searchParams } = url;
  for (const name of searchParams.keys())
    if (name !== 'prefix')
      throw new MisuseError(`'${shown}': a URL of a Redis has no option '${name}'. It takes prefix`);
  const [, db = '0'] = /^\/?(\d{0,4})$/.exec(pathname) ?? [];
  if (!/^\/?\d{0,4}$/.test(pathname))
    throw new MisuseError(`'${shown}': behind the host stands the number of a database. Write ${EXAMPLE}`);
  const password = url.password === '' ? passwordOf('REDIS') : decodeURIComponent(url.password);
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 6379),
    db: Number(db || 0),
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password,
    isTls: url.protocol === 'rediss:',
    prefix: prefixOf(searchParams.get('prefix') ?? 'lockstep', shown),
    place: shown,
  };
}

/** Between the braces of a hash tag no brace may stand. */
function prefixOf(prefix: string, shown: string): string {
  if (/^[^{}\s]{1,100}$/.test(prefix)) return prefix;
  throw new MisuseError(`'${shown}': prefix must have 1 to 100 characters, and no space and no brace`);
}
