import path from 'node:path';
import { absolute } from '../host/absolute-path.ts';
import type { DocumentDirectory, DocumentFacts, DocumentHost } from '../host/document-host.ts';
import { systemError } from '../host/errno.ts';
import { nodeDocuments } from '../host/node-documents.ts';
import { withRealPath } from '../host/pinned-files.ts';

/** As many as the kernel follows. */
const MAX_LINKS = 40;
/** The links in it are open descriptors: the kernel alone knows where they lead. */
const DESCRIPTORS = /^\/proc\/\d+\/(task\/\d+\/)?fd$/;

/**
 * Opens a file that others may read for appending, and creates it if it is missing. Returns its descriptor.
 *
 * A link in its place is followed if its owner is this user or root, or if nobody else could have put it there. Otherwise a
 * user who may write in `/tmp`, or owns the directory of a log of root's, could have root write anywhere. Between a look at a link and its
 * use it may be replaced: so each step goes through the descriptor of its directory, and the last one follows no link.
 *
 * A FIFO is not waited for: without a reader it fails with `ENXIO`.
 *
 * @throws the system's error; `EPERM` for another user's link
 */
export function openLog(file: string, host: DocumentHost = nodeDocuments): number {
  if (file.endsWith('/')) throw systemError('EISDIR', 'it names a directory', { path: file });
  let at = absolute(file);
  for (let links = 0; links <= MAX_LINKS; links++) {
    const step = openOrFollow(host, at, file);
    if (typeof step === 'number') return step;
    at = step;
  }
  throw systemError('ELOOP', 'its symbolic links lead in a circle', { path: file });
}

/** Opens what is at a path; or returns the path that a link there leads to. */
function openOrFollow(host: DocumentHost, at: string, file: string): number | string {
  const directory = host.openDirectory(host.realPath(path.dirname(at)));
  try {
    const target = directory.at(path.basename(at));
    const link = host.look(target);
    if (link?.kind !== 'link') return host.openToAppend(target, false);
    checkLink(host, link, directory, file);
    if (DESCRIPTORS.test(directory.place)) return host.openToAppend(target, true);
    const to = host.readLink(target);
    const now = host.look(target);
    if (now === null || now.inode !== link.inode || now.changedNs !== link.changedNs)
      throw systemError('EAGAIN', 'its symbolic link was replaced at this moment', { path: file });
    return path.resolve(directory.place, to);
  } catch (error) {
    throw withRealPath(error, directory.at('.').slice(0, -2), directory.place);
  } finally {
    directory.close();
  }
}

/** @throws a system error unless this user or root made the link, or they alone could have made it */
function checkLink(host: DocumentHost, link: DocumentFacts, directory: DocumentDirectory, file: string): void {
  const trusted = [host.uid(), 0];
  if (trusted.includes(link.uid)) return;
  const { uid, mode } = directory.facts();
  if (trusted.includes(uid) && (mode & 0o022) === 0) return;
  throw systemError(
    'EPERM',
    `it leads through a symbolic link of another user (uid ${link.uid}) in ${directory.place}, where others may write; name the file that it leads to, or remove the link`,
    { path: file },
  );
}
