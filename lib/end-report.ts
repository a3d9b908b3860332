import { beatsDirectory, type Mark, markText, readReport } from './beat-file.ts';
import { StoreError } from './errors.ts';
import type { Host } from './host.ts';
import { encodeName } from './name.ts';
import { pinnedHost } from './pinned-files.ts';
import { checkOwnDirectory, type StoreDirectory } from './store-directory.ts';
import { storeErrorOf } from './store-failure.ts';
import { writeAtOnce } from './whole-write.ts';

/**
 * Marks a name's report as ended well, on behalf of its reporter, which stops at its next beat. False if
 * there is no report. Idempotent.
 *
 * It appends through a descriptor: if a newer reporter takes the name over meanwhile, that one's report
 * is not touched.
 *
 * @throws {StoreError} if what is there is not a report, or cannot be written
 */
export function endReport(host: Host, directory: StoreDirectory, name: string): boolean {
  const { files } = pinnedHost(host, directory);
  const path = `${beatsDirectory(directory.path)}/${encodeName(name)}`;
  const at = { operation: 'end the report', resource: name, path };
  try {
    checkOwnDirectory(host, beatsDirectory(directory.path));
    const found = files.look(path);
    if (found === null) return false;
    const reading = readReport(files, path, found);
    // The disk fails: what stands there may be a report, and is not to be removed.
    if ('failure' in reading) throw reading.failure;
    if ('problem' in reading)
      throw new StoreError(
        'BEAT_UNREADABLE',
        `${name}: ${reading.problem}: ${path}. Nothing was changed. Remove it, or stop what wrote it.`,
        at,
      );
    if (reading.report.mark?.state === 'ended') return true;
    const fd = files.openForAppend(path);
    try {
      const mark: Mark = { state: 'ended', code: 0, at: Math.floor(host.clock.wallMicros() / 1_000) };
      writeAtOnce(files, fd, Buffer.from(markText(mark)));
    } finally {
      files.close(fd);
    }
    return true;
  } catch (error) {
    throw storeErrorOf(error, at);
  }
}
