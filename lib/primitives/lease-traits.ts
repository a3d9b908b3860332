import { MisuseError } from '../errors.ts';

/** The traits that distinguish one kind of lease from others. */
export interface LeaseTraits {
  /** A second `release` is an error. */
  strict?: boolean;
  /** The flow that holds it may acquire the same again. */
  reentrant?: boolean;
  /** Others may hold the same lock, and share it. */
  isShared?: boolean;
}

/** @throws {MisuseError} */
export function checkPid(pid: number): void {
  if (Number.isSafeInteger(pid) && pid > 0) return;
  throw new MisuseError(`pid must be the number of a process, not ${String(pid)}`);
}
