/** The part of `fs-native-extensions` that the benchmarks use: the kernel's locks of open files (`F_OFD_SETLK`), from Node. */
export interface NativeLock {
  tryLock(fd: number): boolean;
  /** Blocks one thread of Node's pool in `F_OFD_SETLKW` until the lock is granted: it does not poll. */
  waitForLock(fd: number): Promise<void>;
  unlock(fd: number): void;
}

/** Undefined where it is not installed, or has no binary for this platform. */
export async function nativeLock(): Promise<NativeLock | undefined> {
  // By a name that the compiler does not look up: the package has no types.
  const name: string = 'fs-native-extensions';
  try {
    return (await import(name)).default;
  } catch {
    return undefined;
  }
}

export const NATIVE_ABSENT = 'fs-native-extensions, the kernel’s lock from Node (npm ci)';
