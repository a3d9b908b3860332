import { MisuseError } from '../../errors.ts';
import { passwordOf, withoutPassword } from '../secret.ts';

/** Where a database server is. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** The same as a URL, without the password. */
  readonly place: string;
  readonly isTls: boolean;
}

interface Kind {
  schemes: RegExp;
  port: number;
  /** Of the variable that has the password. */
  engine: 'MYSQL' | 'POSTGRES';
  example: string;
}

export const MYSQL: Kind = {
  schemes: /^(mysql|mariadb):$/,
  port: 3306,
  engine: 'MYSQL',
  example: 'mysql://USER@HOST:3306/DATABASE',
};
export const POSTGRES: Kind = {
  schemes: /^postgres(ql)?:$/,
  port: 5432,
  engine: 'POSTGRES',
  example: 'postgres://USER@HOST:5432/DATABASE',
};

/**
 * Parses the URL of a database; `?tls` for TLS. The password comes from the environment or a file; one in the URL is taken, too, and
 * never shown.
 *
 * @throws {MisuseError} that states what is wrong, and what to write instead
 */
export function parseDatabaseUrl(text: string, { schemes, port, engine, example }: Kind): DatabaseAddress {
  const place = withoutPassword(text);
  const url = URL.canParse(text) ? new URL(text) : null;
  const fail = (what: string): never => {
    throw new MisuseError(`'${place}' ${what}. Write ${example}`);
  };
  if (url === null || !schemes.test(url.protocol) || url.hostname === '') return fail('is no URL of such a database');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database === '' || database.includes('/')) fail('names no database');
  for (const name of url.searchParams.keys())
    if (name !== 'tls') fail(`has an option '${name}', and there is only tls`);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || port),
    database,
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? passwordOf(engine) : decodeURIComponent(url.password),
    isTls: url.searchParams.has('tls'),
    place,
  };
}
