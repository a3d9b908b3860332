import { StoreError } from '../errors.ts';

/** The error of a request that would make a line longer than it may be. `most`: how many entries it may have. */
export function lineFull(name: string, place: string, most: number): StoreError {
  return new StoreError(
    'STORE_BUSY',
    `${name}: its line is full (${most.toLocaleString('en')} entries). Try again when it is shorter.`,
    { operation: 'acquire', resource: name, path: place },
  );
}
