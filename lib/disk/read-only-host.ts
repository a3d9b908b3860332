import { systemError } from '../host/errno.ts';
import type { Files, Host } from '../host/host.ts';
import { nodeHost } from '../host/node-host.ts';
import { guardedFiles } from './guarded-files.ts';

function refuse(): never {
  throw systemError('EROFS', 'this is for looking only');
}

/** The machine's files, none of which can be changed. A call that would make something fails with `EROFS`. */
const files: Files = {
  ...nodeHost.files,
  openForAppend: nodeHost.files.openForReading,
  openForWriting: refuse,
  create: refuse,
  write: refuse,
  link: refuse,
  remove: refuse,
  removeDirectory: refuse,
  makeDirectory: () => false,
  touch: refuse,
  touchOpen: refuse,
  rename: refuse,
};

/** For a caller that looks at a store and must leave no trace in it, whatever goes wrong. */
export const readOnlyHost: Host = { ...nodeHost, files };

/** The same where several machines share the store: each reading opens the file anew. */
export const readOnlyGuardedHost: Host = { ...nodeHost, files: guardedFiles(files, refuse, '') };
