import fs from 'node:fs';
import { basename, dirname } from 'node:path';
import { systemError } from '../host/errno.ts';
import { give, openDirectory } from '../host/node-directory.ts';
import type { SessionsPlace } from './keepalive.ts';

type Callback<T = void> = (error: Error | null, result?: T) => void;

/**
 * The calls that proper-lockfile makes for a session's keepalive, each through a descriptor of the directory of sessions.
 * Once a link, or another directory, has that one's place, the keepalive stops: it would be refreshed elsewhere.
 */
export function keepaliveFiles({ place, belonging }: SessionsPlace) {
  function within<T>(path: string, call: (pinned: string) => T): T {
    const sessions = openDirectory(dirname(path));
    try {
      if (place !== null && sessions.place !== place)
        throw systemError('ENOENT', `the sessions are elsewhere, '${path}'`);
      return call(`${sessions.at}/${basename(path)}`);
    } finally {
      if (sessions.fd !== -1) fs.closeSync(sessions.fd);
    }
  }

  function make(pinned: string): void {
    fs.mkdirSync(pinned, 0o700);
    if (!belonging) return;
    const fd = fs.openSync(pinned, fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW);
    try {
      // Else another process has put another one in its place.
      if (fs.fstatSync(fd).uid === process.geteuid?.()) give(fd, belonging);
    } finally {
      fs.closeSync(fd);
    }
  }

  const rmdirSync = (path: string) => within(path, (pinned) => fs.rmdirSync(pinned));

  return {
    mkdir: (path: string, done: Callback) => answered(done, () => within(path, make)),
    rmdir: (path: string, done: Callback) => answered(done, () => rmdirSync(path)),
    // Of what stands in its place, not of what a link there leads to.
    stat: (path: string, done: Callback<fs.Stats>) =>
      answered(done, () => within(path, (pinned) => fs.lstatSync(pinned))),
    utimes: (path: string, read: Date, written: Date, done: Callback) =>
      answered(done, () => within(path, (pinned) => fs.lutimesSync(pinned, read, written))),
    /** As the thread ends. */
    rmdirSync,
  };
}

function answered<T>(done: Callback<T>, call: () => T): void {
  let result: T;
  try {
    result = call();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, result);
}
