import type { Files } from './host.ts';

/**
 * Closes a descriptor, ignoring an error: the descriptor is gone then, too, and its number may be another file's. For
 * descriptors whose writes were checked when they were made.
 */
export function closeOnce(files: Files, fd: number): void {
  try {
    files.close(fd);
  } catch {
    // See above.
  }
}
