import fs from 'node:fs';
import { storeErrorOf } from '../host/system-error.ts';

/**
 * The password that the environment has, or the file that it names: `$LOCKSTEP_REDIS_PASSWORD`, or
 * `$LOCKSTEP_REDIS_PASSWORD_FILE`. Undefined if there is none.
 *
 * @param engine `REDIS`, `MYSQL` or `POSTGRES`
 * @throws {StoreError} if the file cannot be read
 */
export function passwordOf(engine: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const file = env[`LOCKSTEP_${engine}_PASSWORD_FILE`];
  if (!file) return env[`LOCKSTEP_${engine}_PASSWORD`] || undefined;
  try {
    return fs.readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw storeErrorOf(error, { operation: 'read', path: file });
  }
}

/** Between a user and a host, also with characters that it would have to escape; or as an option. */
const PASSWORDS = [/^([a-z+]+:\/\/[^/?]*?:)[^/?]*(@)/i, /^([a-z+]+:\/\/[^:@/?]*:)(?!\d+(?:[,/?]|$)).*(@)/i];
const OPTION = /([?&](?:password|pass|passwd)=)[^&]*/gi;

/** A URL without its password. */
export function withoutPassword(url: string): string {
  const shown = PASSWORDS.reduce((text, pattern) => text.replace(pattern, '$1$2'), url);
  return shown.replace(OPTION, '$1').replace(/:@/, '@');
}

/**
 * Whether a URL has a password in it. Use it to refuse such a URL on a command line: everybody could read it in the list of processes.
 *
 * @example
 * import { hasPassword } from 'lockstep/hot';
 * console.log(hasPassword('redis://shop:secret@h1')); // prints true
 */
export function hasPassword(url: string): boolean {
  return withoutPassword(url) !== url;
}

/** A driver's message, in which the password does not stand. */
export function withoutSecret(message: string, secret: string | undefined): string {
  return secret ? message.replaceAll(secret, '…') : message;
}
