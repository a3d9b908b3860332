import { brand } from '../../copies.ts';
import { MisuseError } from '../../errors.ts';
import { readNamedFile } from './named-file.ts';

const USER = 'LOCKSTEP_ETCD_USER';
const PASSWORD = 'LOCKSTEP_ETCD_PASSWORD';
const PASSWORD_FILE = 'LOCKSTEP_ETCD_PASSWORD_FILE';

/**
 * A user of etcd, with the password. The password is in nothing that is printed.
 *
 * Use it where a program has the password from elsewhere than the environment or a file, for example from a secret store.
 *
 * @throws {MisuseError} if the user or the password is not a text, or empty
 *
 * @example
 * import { Credentials, openEtcdStore } from 'lockstep/etcd';
 * const credentials = new Credentials('shop', 'open sesame');
 * openEtcdStore('etcd://127.0.0.1:2379/shop', { credentials });
 * console.log(credentials); // prints Credentials { user: 'shop' }
 */
export class Credentials {
  /** The user's name. */
  readonly user: string;
  readonly #password: string;

  constructor(user: string, password: string) {
    // A value that was given instead of it may be a secret, too.
    for (const [what, text] of Object.entries({ user, password }))
      if (typeof text !== 'string' || text === '')
        throw new MisuseError(`new Credentials(user, password): the ${what} must be a text that is not empty`);
    this.user = user;
    this.#password = password;
  }

  /** The password, as text. */
  password(): string {
    return this.#password;
  }
}

brand({ Credentials });

/**
 * The user that a URL or the environment names, with the password that the environment or a file has. (An argument would be in
 * the list of processes, for everybody to read.) Null if there is no user.
 *
 * @throws {MisuseError} if there is a user and no password, or a password and no user
 * @throws {StoreError} if the file cannot be read
 */
export function credentialsFrom(
  given: { user?: string | undefined; passwordFile?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): Credentials | null {
  const user = given.user ?? env[USER];
  const file = given.passwordFile ?? env[PASSWORD_FILE];
  const password = file ? passwordIn(file) : env[PASSWORD];
  if (user && password) return new Credentials(user, password);
  if (user)
    throw new MisuseError(
      `etcd's user '${user}' has no password: put it into $${PASSWORD}, or its file's path into $${PASSWORD_FILE}`,
    );
  if (given.passwordFile !== undefined)
    throw new MisuseError(
      `there is a password file, and no user: put one in front of the hosts (etcd://USER@HOST), or into $${USER}`,
    );
  return null;
}

function passwordIn(path: string): string {
  return readNamedFile(path)
    .toString()
    .replace(/\r?\n$/, '');
}
