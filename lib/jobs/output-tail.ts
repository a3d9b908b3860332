import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { jobDirectory, runFile } from './record-format.ts';
import type { Run, RunStart } from './run.ts';

/**
 * The last lines of a run's output. While the command runs, the output is a file beside the run's record; once the run has
 * ended, the record has the last lines.
 */

const MAX_LINES = 20;
const MAX_BYTES = 4 * 1024;
/** The limit for the tail in a record, where a control character takes six bytes. */
const MAX_RECORDED_BYTES = 8 * 1024;

export function outputFile(run: Pick<RunStart, 'at' | 'key'>): string {
  return runFile(run).replace(/run$/, 'output');
}

/** Returns the last lines of a run's output, also of a running or lost run; empty if there are none, or they cannot be read. */
export function outputTail(host: Host, store: Pick<StoreDirectory, 'path'>, run: Run): string {
  if (run.ended) return run.ended.tail;
  try {
    return tailIn(lastBytes(host, `${jobDirectory(store.path, run.job)}/${outputFile(run)}`));
  } catch {
    return '';
  }
}

function lastBytes({ files }: Host, path: string): Uint8Array {
  const found = files.look(path);
  if (found?.kind !== 'file') return new Uint8Array();
  const fd = files.openForAppend(path);
  try {
    const position = Math.max(0, found.size - MAX_BYTES);
    const buffer = Buffer.alloc(MAX_BYTES);
    return buffer.subarray(0, files.read(fd, buffer, position));
  } finally {
    files.close(fd);
  }
}

/** Returns the last lines of an output, given its last bytes: whole characters only, and no more than a record may hold. */
export function tailIn(bytes: Uint8Array): string {
  const last = bytes.subarray(Math.max(0, bytes.length - MAX_BYTES));
  // Skip the rest of a character that the cut has split.
  let begin = 0;
  while (begin < 3 && ((last[begin] ?? 0) & 0xc0) === 0x80) begin += 1;
  const text = Buffer.from(last.subarray(begin)).toString('utf8');
  const lines = text.split('\n');
  const isEnded = lines.at(-1) === '';
  return fitting(lines.slice(-MAX_LINES - (isEnded ? 1 : 0)).join('\n'));
}

function fitting(text: string): string {
  let rest = text;
  while (Buffer.byteLength(JSON.stringify(rest)) > MAX_RECORDED_BYTES)
    rest = rest.slice(Math.ceil(rest.length / 8)).replace(/^[\udc00-\udfff]/, '');
  return rest;
}
