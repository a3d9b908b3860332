import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { jobDirectory, type Run, type RunStart, runFile } from './record-format.ts';

/**
 * What a run's command printed. While it runs that is a file beside the run's record; once it has ended, the record
 * has the last lines.
 */

const MAX_LINES = 20;
const MAX_BYTES = 4 * 1024;
/** The same as it stands in a record, where a control character takes six bytes. */
const MAX_RECORDED_BYTES = 8 * 1024;

export function outputFile(run: Pick<RunStart, 'at' | 'key'>): string {
  return runFile(run).replace(/run$/, 'output');
}

/** The last lines that a run printed, also of one that runs or is lost; empty if there are none, or they cannot be read. */
export function tailOf(host: Host, store: Pick<StoreDirectory, 'path'>, run: Run): string {
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

/** The last lines of an output, of which these are the last bytes: whole characters, and no more than a record should have. */
export function tailIn(bytes: Uint8Array): string {
  const last = bytes.subarray(Math.max(0, bytes.length - MAX_BYTES));
  // What a cut has left of a character's bytes.
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
