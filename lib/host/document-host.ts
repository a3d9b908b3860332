/**
 * The host seam for files that are not Lockstep's own: the JSON file that an update replaces, a report that a command
 * writes. `node-documents.ts` is the real one. Methods throw the operating system's error.
 *
 * Calls that wait for a disk (`write`, `sync`) are asynchronous, so that the program around continues. The others are
 * one quick system call each, so that nothing comes between the last look at a file and its replacement.
 */
export interface DocumentHost {
  /** The path that a path leads to, through every symbolic link. */
  realPath(path: string): string;
  /** Opens a directory, which stays the same one whatever its path leads to later. */
  openDirectory(path: string): DocumentDirectory;
  /** Opens a file for reading; never follows a symbolic link, never waits for a FIFO's writer. */
  open(path: string): number;
  /** Checks that this process may write a file, without opening it, which would wake its watchers. */
  checkAccess(path: string): void;
  /** The same by opening it: that also checks the effective user, and rules that `access` does not know. */
  checkWritable(path: string): void;
  /** Creates a file that must not exist yet, for reading and writing. */
  create(path: string, mode: number): number;
  /** Opens a terminal, a pipe or a device for writing. */
  openStream(path: string): number;
  /**
   * Opens a file for appending, and creates it if it is missing. Never waits for a FIFO's reader: without one, it fails with
   * `ENXIO`. `follow`: whether a symbolic link in its place is followed.
   */
  openToAppend(path: string, follow: boolean): number;
  /** Where a symbolic link leads, as it says. */
  readLink(path: string): string;
  facts(fd: number): DocumentFacts;
  /** The facts of the path itself (a symbolic link is not followed), or null if nothing is there. */
  look(path: string): DocumentFacts | null;
  /** Reads into `buffer` from `position`; 0 means the end of the file. */
  read(fd: number, buffer: Uint8Array, position: number): number;
  /** One `write`; resolves to how many bytes were taken. */
  write(fd: number, bytes: Uint8Array): Promise<number>;
  setOwner(fd: number, uid: number, gid: number): void;
  setMode(fd: number, mode: number): void;
  /** Makes the file's contents and attributes safe from a power cut. */
  sync(fd: number): Promise<void>;
  close(fd: number): void;
  /** Renames a file; anything that has the new name is replaced. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** The names in a directory. */
  list(path: string): string[];
  /** Runs a program with these descriptors as its 3, 4, …; resolves to its output and its end. */
  run(program: string, args: readonly string[], descriptors: readonly number[]): Promise<ProgramEnd>;
  /** 32 hexadecimal digits that nobody can guess. */
  secret(): string;
  /** The effective user id, or −1 where there is none. */
  uid(): number;
  /** Wall clock in ms since 1970. */
  wallMs(): number;
}

/** A directory that is open: a path through it always leads into it. */
export interface DocumentDirectory {
  /** Where it is, all links resolved. */
  place: string;
  /** The path of one of its names. Only for calls of the host, never for a message. */
  at(name: string): string;
  facts(): DocumentFacts;
  /** Makes its names safe from a power cut, where its file system can. */
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
  /** The name of the system's error if it could not be started. */
  failure: string | null;
}
