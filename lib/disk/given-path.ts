import os from 'node:os';
import path from 'node:path';
import { MisuseError } from '../errors.ts';
import { absolute } from '../host/absolute-path.ts';

/** A variable's name, as a shell would expand it. */
const VARIABLE = /\$(\w+|\{\w+\})/;
const HOME = /^(~|\$HOME|\$\{HOME\})(?=\/|$)/;

/**
 * Returns the directory of a store that the environment names.
 *
 * The value must be absolute: processes in several working directories have the same environment, and are meant to exclude
 * each other. Many of its sources (a crontab, a unit, a file for `docker --env-file`) are not read by a shell, so `~` and
 * `$HOME` arrive as they were written.
 *
 * @throws {MisuseError}
 */
export function pathFromEnvironment(variable: string, value: string): string {
  checkNoUrl(`${variable} is`, value);
  const unexpanded = value.startsWith('~') ? '~' : VARIABLE.exec(value)?.[0];
  if (unexpanded !== undefined)
    throw new MisuseError(
      `${variable} is '${value}', and no shell has expanded ${unexpanded} in it: a crontab, a unit or an .env file is read by none. Write the whole path${exampleOf(variable, expanded(value))}.`,
    );
  if (!path.isAbsolute(value))
    throw new MisuseError(
      `${variable} is '${value}', a relative path: it would be another store in each working directory, and locks of two stores do not exclude each other. Write the whole path${exampleOf(variable, resolved(value))}.`,
    );
  return value;
}

/**
 * Returns the directory of a store that a program or a command line names, made absolute.
 *
 * @throws {MisuseError} if it can be no path, or begins with what only a shell would expand
 * @throws {StoreError} for a relative path if the working directory has been deleted
 */
export function pathFromCaller(given: unknown): string {
  if (typeof given !== 'string')
    throw new MisuseError(`the store directory must be a path, not ${given === null ? 'null' : typeof given}`);
  if (given === '') throw new MisuseError('the store directory must not be an empty string');
  if (given.includes('\0')) throw new MisuseError('the store directory must not contain a NUL character');
  checkNoUrl('the store is', given);
  if (/^[~$]/.test(given))
    throw new MisuseError(
      `the store directory is '${given}', and no shell has expanded its '${given[0]}'. Write the whole path${exampleOf('', expanded(given))}; or './${given}', if that is its name.`,
    );
  return absolute(given);
}

/** As a path it would be a directory named `etcd:` here. @throws {MisuseError} */
function checkNoUrl(subject: string, given: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given)?.[0];
  if (scheme === undefined) return;
  throw new MisuseError(
    `${subject} the URL ${scheme}…, and this needs the directory of a store on disk. Name one ({ store } or $LOCKSTEP_DIR).`,
  );
}

/** The home that the user database has; null if it has none for this user, as in many containers. */
export function homeDirectory(): string | null {
  try {
    const { homedir } = os.userInfo();
    return path.isAbsolute(homedir) ? homedir : null;
  } catch {
    return null;
  }
}

function exampleOf(variable: string, example: string | null): string {
  return example === null ? '' : `, such as ${variable === '' ? '' : `${variable}=`}${example}`;
}

/** Returns the path as a shell would have expanded it; null if that is not known. */
function expanded(value: string): string | null {
  const home = homeDirectory();
  const text = home === null ? value : value.replace(HOME, () => home);
  return path.isAbsolute(text) && !VARIABLE.test(text) ? path.normalize(text) : null;
}

function resolved(value: string): string | null {
  try {
    return path.resolve(value);
  } catch {
    return null;
  }
}
