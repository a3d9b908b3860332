import type { Clock } from '../time/clock.ts';

/**
 * The host seam: every raw call on files, processes and clocks that Lockstep makes.
 *
 * All of it is synchronous and each method is one step that other processes see whole, so that a
 * test can stop a "process" between any two calls, kill it there, and replay the same interleaving.
 * `node-host.ts` is the real one. Methods throw the operating system's error (`code` `ENOSPC`,
 * `EACCES`, …) unless they say otherwise.
 */
export interface Host {
  readonly files: Files;
  readonly processes: Processes;
  readonly clock: Clock;
}

export type FileKind = 'file' | 'directory' | 'link' | 'other';

export interface FileFacts {
  kind: FileKind;
  size: number;
  /** Permission bits only. */
  mode: number;
  uid: number;
  gid: number;
  device: number;
  inode: number;
  modifiedMs: number;
}

/** The owner and the group of something that is made. */
export interface Belonging {
  /** Null: the user who makes it. */
  uid: number | null;
  gid: number;
}

/** A directory that is held open: it stays the same one, whatever its path leads to by now. */
export interface OpenDirectory {
  fd: number;
  /**
   * The path by which names in this very directory are reached. Where the system has none, it is the directory's own
   * path, which may lead to another directory meanwhile.
   */
  at: string;
  /** Where the directory is, all links resolved. */
  place: string;
}

export interface Files {
  /** Opens an existing regular file for reading and atomic appending; never follows a symlink. */
  openForAppend(path: string): number;
  /** Opens an existing regular file for reading alone; never follows a symlink. */
  openForReading(path: string): number;
  /** Opens an existing regular file for reading and for writing anywhere in it; never follows a symlink. */
  openForWriting(path: string): number;
  /** Opens a directory; never follows a symlink in its place. `closeDirectory` closes it. */
  openDirectory(path: string): OpenDirectory;
  closeDirectory(directory: OpenDirectory): void;
  /**
   * Creates a file that must not exist yet, open for appending, and sets its owner and group. If these cannot be set,
   * there is no file.
   */
  create(path: string, mode: number, belonging?: Belonging | null): number;
  /** Reads into `buffer` from `position`; fewer bytes than fit mean the end of the file. */
  read(fd: number, buffer: Uint8Array, position: number): number;
  /** One `write` of the first `length` bytes; returns how many were taken. */
  write(fd: number, buffer: Uint8Array, length: number): number;
  /** Makes the file's contents safe from a power cut. */
  sync(fd: number): void;
  close(fd: number): void;
  /** The facts of the file at the path itself (a symlink is not followed), or null if there is none. */
  look(path: string): FileFacts | null;
  /** The facts of an open file or directory. */
  facts(fd: number): FileFacts;
  /** The names in a directory, or null if there is no such directory. */
  list(directory: string): string[] | null;
  /** Gives a file a second name; false if that name is taken. */
  link(from: string, to: string): boolean;
  /** Removes a file; false if there was none. */
  remove(path: string): boolean;
  /** Removes an empty directory; false if there was none or it is not empty. */
  removeDirectory(path: string): boolean;
  /**
   * Makes one directory and sets its owner and group; false if something is there already. A directory that is not for
   * its maker alone gets its name only once it has its mode and its owner.
   */
  makeDirectory(path: string, mode: number, belonging?: Belonging | null): boolean;
  /** Changes a file's times and nothing else, which wakes its watchers; false if there is none. */
  touch(path: string): boolean;
  /** The same to a file that is open, whatever its name is by now. */
  touchOpen(fd: number): void;
  /** Renames a file; anything that has the new name is replaced. */
  rename(from: string, to: string): void;
  /** A small text file whole, or null if there is none. One of more than `most` bytes is not read: `EFBIG`. */
  readText(path: string, most?: number): string | null;
  /** The number by which the kernel names the file system's type (`statfs`), or null where unknown. */
  fileSystemType(path: string): number | null;
  /**
   * Makes a FIFO that must not exist yet, and opens its read end. Null if that cannot be done here: it takes a program of
   * the system's, which may be missing or refused.
   */
  makeFifo(path: string, mode: number, belonging?: Belonging | null): number | null;
  /** Opens a FIFO's read end, without waiting for a writer; never follows a symlink. */
  openFifo(path: string): number;
  /** Whether any process of this kernel has a FIFO's read end open; null if the kernel does not say. */
  hasReader(path: string): boolean | null;
  /**
   * Calls back once when the last process that has a FIFO's read end open closes it or ends, until the returned function is
   * called. Null if the system does not notify; the caller must then ask again from time to time. Keeps the process alive.
   */
  watchReader(path: string, onGone: () => void): (() => void) | null;
  /** Calls back after changes of the file until the returned function is called. Keeps no process alive. */
  watch(path: string, onChange: (event: 'changed' | 'gone' | 'failed') => void): () => void;
}

/** The facts that distinguish a process from every other one, ever. */
export interface ProcessFacts {
  pid: number;
  /** The kernel's id of the thread; equals `pid` on the main thread. */
  tid: number;
  /** When it started, in the kernel's ticks since boot; 0 where the system does not report it. */
  start: number;
  /** The kernel's id of this boot; empty where the system does not report it. */
  boot: string;
  /** The kernel's id of the pid namespace; 0 where the system does not report it. */
  namespace: number;
  /** The kernel's id of the time namespace, by whose clock `start` counts; 0 where it is not known. */
  time?: number;
  host: string;
}

/** `stopped`: by a signal such as SIGSTOP. */
export type ProcessState = 'gone' | 'unknown' | { start: number; zombie: boolean; stopped?: boolean };

export interface Processes {
  self(): ProcessFacts;
  /** The state of a thread in this process's pid namespace; `unknown` if the kernel does not report it. */
  state(pid: number, tid: number): ProcessState;
  /** When this kernel was booted, by the wall clock in ms; null where it is not known. */
  bootedAt(): number | null;
  /** The effective user id, or −1 where there is none. */
  uid(): number;
  /** A short random hexadecimal string that no other session has. */
  nonce(): string;
  /** Calls `release` with the exit code when this process exits. It must not wait. Idempotent. */
  atExit(release: (code: number | null) => void): void;
  /**
   * Until the returned function is called, calls it also before a signal ends the process; the code is null then. `isLong`:
   * from now on, if that is expected to last; otherwise when this turn of the event loop ends.
   */
  atSignals(isLong: boolean): () => void;
  /** Resolves when signals have their own effects again, once `atSignals` is over; undefined if they have them now. */
  signalsRestored(): Promise<void> | undefined;
  /** Runs something that blocks this thread; signals keep their own effects meanwhile. */
  blocking<T>(call: () => T): T;
}
