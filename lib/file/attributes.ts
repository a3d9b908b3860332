import type { DocumentFacts, DocumentHost, ProgramEnd } from '../host/document-host.ts';
import { type FileAct, fileError } from './file-error.ts';

/*
 * Node has no call for access lists and extended attributes, so GNU `cp` copies them, between descriptors: these stay
 * valid whatever the files' names lead to. Starting it takes longer than all the rest of a replacement. So for a file
 * that is replaced repeatedly this process checks once whether there is anything to copy, and remembers the answer.
 */
const COPY = ['--attributes-only', '--preserve=mode,xattr', '/dev/fd/3', '/dev/fd/4'];
/**
 * A pipe has a mode, but neither an access list nor extended attributes: so `cp` can copy a file's attributes to a pipe
 * only if the file has no others. Prints `plain` if that is true of both files.
 */
const ARE_PLAIN = `exec 5>&1
to_pipe() { cp --attributes-only --preserve=mode,xattr "$1" /dev/fd/1 2>/dev/null; }
{ to_pipe /dev/fd/3 && to_pipe /dev/fd/4 && echo plain >&5; } | :`;

/** For how long to assume that a directory gives new files no default access list. */
const DIRECTORY_MEMORY_MS = 1_000;
const MAX_REMEMBERED = 1_024;
/** Messages of a `cp` other than GNU's that does not know these options. */
const FOREIGN_CP = /unrecognized option|invalid option|unknown option|unexpected argument|without xattr support/i;
/** Errors of starting a program that do not mean that it is missing. */
const CANNOT_START_NOW = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'];

const machines = new WeakMap<DocumentHost, Attributes>();

/** A file, its facts, and the directory in which its replacement was made. */
export interface Carried {
  from: number;
  facts: DocumentFacts;
  directory: DocumentFacts;
  act: FileAct;
}

/**
 * Carries access lists and extended attributes from a file to the one that will replace it.
 *
 * On systems without GNU `cp` (busybox, macOS, Windows) they can be neither detected nor copied, and are lost.
 */
export class Attributes {
  readonly #host: DocumentHost;
  /** By device and inode: the last change of a file that has neither. */
  readonly #plainFiles = new Map<string, bigint>();
  /** The same for files that this process made and has not checked yet. */
  readonly #made = new Map<string, bigint>();
  /** By device and inode: until when to assume that new files in a directory have no access list. */
  readonly #plainDirectories = new Map<string, number>();
  #isUnable = process.platform !== 'linux';

  private constructor(host: DocumentHost) {
    this.#host = host;
  }

  /** The instance of a host. */
  static on(host: DocumentHost): Attributes {
    const known = machines.get(host);
    if (known) return known;
    const made = new Attributes(host);
    machines.set(host, made);
    return made;
  }

  /**
   * Copies the access list and the extended attributes of the file to `to`. Resolves to whether both files are known to
   * have none.
   *
   * @throws {StoreError} (rejects) if the file has some that cannot be kept
   */
  async carry(file: Carried, to: number): Promise<boolean> {
    if (this.#isUnable) return false;
    if (this.#isKnown(file)) return true;
    // The check takes longer than the copy, so it is made from a file's second replacement in a row on.
    const isOurs = isNoted(this.#made, file.facts) || isNoted(this.#plainFiles, file.facts);
    if (isOurs && (await this.#arePlain(file, to))) return true;
    this.#check(await this.#host.run('cp', COPY, [file.from, to]), file.act);
    return false;
  }

  /** Remembers a replacement that is in place, until it changes. */
  note(facts: DocumentFacts, isPlain: boolean): void {
    remember(isPlain ? this.#plainFiles : this.#made, idOf(facts), facts.changedNs);
  }

  async #arePlain({ from, directory }: Carried, to: number): Promise<boolean> {
    const { stdout } = await this.#host.run('/bin/sh', ['-c', ARE_PLAIN], [from, to]);
    if (stdout !== 'plain\n') return false;
    remember(this.#plainDirectories, idOf(directory), this.#host.monotonicMs() + DIRECTORY_MEMORY_MS);
    return true;
  }

  #isKnown({ facts, directory }: Carried): boolean {
    const until = this.#plainDirectories.get(idOf(directory)) ?? Number.NEGATIVE_INFINITY;
    return isNoted(this.#plainFiles, facts) && this.#host.monotonicMs() < until;
  }

  #check({ code, failure, stderr }: ProgramEnd, act: FileAct): void {
    if (code === 0) return;
    const isForeign = failure === null ? FOREIGN_CP.test(stderr) : !CANNOT_START_NOW.includes(failure);
    if (isForeign) {
      this.#isUnable = true;
      return;
    }
    const why = failure ?? (stderr.trim() || `cp ended with ${code}`);
    throw fileError(
      'FILE_ATTRIBUTES',
      act,
      `its access list or its extended attributes cannot be kept (${why}). It was not changed.`,
    );
  }
}

function isNoted(files: ReadonlyMap<string, bigint>, facts: DocumentFacts): boolean {
  return files.get(idOf(facts)) === facts.changedNs;
}

function idOf({ device, inode }: DocumentFacts): string {
  return `${device}:${inode}`;
}

function remember<T>(memory: Map<string, T>, key: string, value: T): void {
  memory.delete(key);
  const [oldest] = memory.keys();
  if (memory.size >= MAX_REMEMBERED && oldest !== undefined) memory.delete(oldest);
  memory.set(key, value);
}
