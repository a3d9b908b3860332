import fs from 'node:fs';
import { storeErrorOf } from '../../host/system-error.ts';

/** Reads a file that a URL or the environment names: a certificate, a key, a password. @throws {StoreError} */
export function readNamedFile(path: string): Buffer {
  try {
    return fs.readFileSync(path);
  } catch (error) {
    throw storeErrorOf(error, { operation: 'read', path });
  }
}
