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

/** Whom something that is made belongs to. */
export interface Belonging {
  /** Null: whoever makes it. */
  uid: number | null;
  gid: number;
}

/** A directory that is held open: it stays the same one, whatever has its path by now. */
export interface OpenDirectory {
  fd: number;
  /**
   * The path by which names in this very directory are reached. Where the system has no such path it is the directory's
   * own, which somebody may give to another directory meanwhile.
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
   * Creates a file that must not exist yet, open for appending, and gives it to whom it belongs. If it cannot be given,
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
  /** What is at the path itself (a symlink is not followed), or null if nothing is. */
  look(path: string): FileFacts | null;
  /** What an open file or directory is. */
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
   * Makes one directory and gives it to whom it belongs; false if something is there already. One that is not for its
   * maker alone has its name only once it has its mode and its owner.
   */
  makeDirectory(path: string, mode: number, belonging?: Belonging | null): boolean;
  /** Changes a file's times and nothing else, so that whoever watches it wakes; false if there is none. */
  touch(path: string): boolean;
  /** The same to a file that is open, whatever its name is by now. */
  touchOpen(fd: number): void;
  /** Gives a file another name, in place of whatever has that name. */
  rename(from: string, to: string): void;
  /** A small text file whole, or null if there is none. */
  readText(path: string): string | null;
  /** The number by which the kernel names the file system's type (`statfs`), or null where unknown. */
  fileSystemType(path: string): number | null;
  /** Calls back after changes of the file until the returned function is called. Keeps no process alive. */
  watch(path: string, onChange: (event: 'changed' | 'gone' | 'failed') => void): () => void;
}

/** What a process can say of itself that tells it apart from every other one, ever. */
export interface ProcessFacts {
  pid: number;
  /** The kernel's id of the thread; equals `pid` on the main thread. */
  tid: number;
  /** When it started, in the kernel's ticks since boot; 0 where the system does not tell. */
  start: number;
  /** The kernel's id of this boot; empty where the system does not tell. */
  boot: string;
  /** The kernel's id of the pid namespace; 0 where the system does not tell. */
  namespace: number;
  host: string;
}

/** `stopped`: by a signal such as SIGSTOP. */
export type ProcessState = 'gone' | 'unknown' | { start: number; zombie: boolean; stopped?: boolean };

export interface Processes {
  self(): ProcessFacts;
  /** What the kernel says of a thread in our own pid namespace. `unknown` if it will not say. */
  state(pid: number, tid: number): ProcessState;
  /** The effective user id, or −1 where there is none. */
  uid(): number;
  /** A short random hexadecimal string that no other session has. */
  nonce(): string;
  /** Has `giveBack` called with the exit code when this process exits. It must not throw, nor wait. Idempotent. */
  atExit(giveBack: (code: number | null) => void): void;
  /** From now on also when a signal ends it; the code is null then. Idempotent. */
  atSignals(): void;
  /** Runs something that blocks this thread; signals keep their own effects meanwhile. */
  blocking<T>(call: () => T): T;
}

export interface Clock {
  /** Wall clock in µs since 1970. May jump. */
  wallMicros(): number;
  /** Monotonic clock in ms. Compare only with itself. */
  monotonicMs(): number;
  /** Blocks this thread. */
  sleep(ms: number): void;
  /**
   * Calls back once after `ms`: any number from 0 up, and never after `Infinity`. `keepAlive` says whether the process
   * stays for it. Returns the cancellation.
   */
  timer(ms: number, keepAlive: boolean, callback: () => void): () => void;
}
