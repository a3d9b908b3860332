import path from 'node:path';
import { StoreError } from '../errors.ts';

/**
 * Makes a path independent of the working directory.
 *
 * @throws {StoreError} for a relative path if the working directory has been deleted
 */
export function absolute(file: string): string {
  try {
    return path.resolve(file);
  } catch (cause) {
    throw new StoreError(
      'STORE_GONE',
      `cannot find ${file}: its path is relative, and the working directory has been deleted. Give an absolute path.`,
      { operation: 'find', path: file, cause },
    );
  }
}
