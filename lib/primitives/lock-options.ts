import type { AlsoLock } from '../foreign/also-lock.ts';
import { OptionNames } from '../options/option-names.ts';
import type { ResourceOptions } from './resource.ts';

/** Options of a `Lock`, an `RLock` and an `RWLock`. */
export interface LockOptions extends ResourceOptions {
  /**
   * A lock of programs that do not use Lockstep, which is acquired after this one and released before it, so that a code base can
   * move one program at a time (`docs/moving-in.md`): `{ 'proper-lockfile': file }` or `{ flock: file }`. An `acquire` then
   * also waits until these programs are out. Default: none.
   */
  alsoLock?: AlsoLock;
}

export const LOCK_OPTIONS = new OptionNames<LockOptions>(
  'new CLASS(name, …)',
  { store: true, alsoLock: true },
  { string: 'store' },
);
