/**
 * The host seam for files that are not Lockstep's own: the JSON file that an update replaces, a report that a verb
 * writes. `node-documents.ts` is the real one. Methods throw the operating system's error.
 *
 * What can wait for a disk (`write`, `sync`) is asynchronous, because the program around it must go on. The rest is one
 * quick system call each, so that the last look at a file and its replacement have nothing in between.
 */
export interface DocumentHost {
  /** The path that a path leads to, through every symbolic link. */
  realPath(path: string): string;
  /** Opens a directory, which stays the same one whatever its path leads to later. */
  openDirectory(path: string): DocumentDirectory;
  /** Opens a file for reading; never follows a symbolic link, never waits for a FIFO's writer. */
  open(path: string): number;
  /** Asks whether this process may write a file, without opening it: so nothing that watches the file wakes. */
  checkAccess(path: string): void;
  /** The same by opening it, which also asks for the effective user, and for what `access` does not know. */
  checkWritable(path: string): void;
  /** Creates a file that must not exist yet, for reading and writing. */
  create(path: string, mode: number): number;
  /** Opens for writing what is no regular file: a terminal, a pipe. */
  openStream(path: string): number;
  facts(fd: number): DocumentFacts;
  /** What is at the path itself (a symbolic link is not followed), or null if nothing is. */
  look(path: string): DocumentFacts | null;
  /** Reads into `buffer` from `position`; 0 means the end of the file. */
  read(fd: number, buffer: Uint8Array, position: number): number;
  /** One `write` of what fits; resolves to how many bytes were taken. */
  write(fd: number, bytes: Uint8Array): Promise<number>;
  setOwner(fd: number, uid: number, gid: number): void;
  setMode(fd: number, mode: number): void;
  /** Makes the file's contents and attributes safe from a power cut. */
  sync(fd: number): Promise<void>;
  close(fd: number): void;
  /** Gives a file another name, in place of whatever has that name. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** The names in a directory. */
  list(path: string): string[];
  /** Runs a program with these descriptors as its 3, 4, …; resolves to what it printed and how it ended. */
  run(program: string, args: readonly string[], descriptors: readonly number[]): Promise<ProgramEnd>;
  /** 32 hexadecimal digits that nobody can guess. */
  secret(): Promise<string>;
  /** Monotonic clock in ms. */
  monotonicMs(): number;
  /** Wall clock in ms since 1970. */
  wallMs(): number;
}

/** A directory that is open: a path through it cannot be turned elsewhere. */
export interface DocumentDirectory {
  /** Where it is, all links resolved. */
  place: string;
  /** The path by which one of its names is used. Only for calls of the host, never for a message. */
  at(name: string): string;
  facts(): DocumentFacts;
  /** Makes its names safe from a power cut, as far as its file system can. */
  sync(): Promise<void>;
  close(): void;
}

export interface DocumentFacts {
  kind: 'file' | 'directory' | 'link' | 'other';
  device: bigint;
  inode: bigint;
  size: number;
  /** Permission bits, with set-user-id, set-group-id and sticky. */
  mode: number;
  uid: number;
  gid: number;
  modifiedNs: bigint;
  changedNs: bigint;
}

export interface ProgramEnd {
  /** The exit code; null if a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
  /** The system's error if it could not be started, by name. */
  failure: string | null;
}
