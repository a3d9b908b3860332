import type { Host } from './host.ts';

/** Removes a file whose leftover would harm nobody: an error is ignored. */
export function removeQuietly({ files }: Pick<Host, 'files'>, path: string): void {
  try {
    files.remove(path);
  } catch {
    // See above.
  }
}
