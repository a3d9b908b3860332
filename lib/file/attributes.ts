import type { DocumentFacts, DocumentHost, ProgramEnd } from '../host/document-host.ts';
import { type FileAct, fileError } from './file-error.ts';

/*
 * Node has no call for access lists and extended attributes, so GNU `cp` copies them, between descriptors: it opens
 * these two whatever became of the files' names. Starting it takes longer than all the rest of a replacement. So whoever
 * replaces one file again and again asks once whether there is anything to copy, and remembers it.
 */
const COPY = ['--attributes-only', '--preserve=mode,xattr', '/dev/fd/3', '/dev/fd/4'];
/**
 * A pipe carries a mode, but neither an access list nor an extended attribute: so `cp` succeeds in copying a file's
 * attributes to a pipe only if the file has nothing else. Prints `plain` if that is so of both files.
 */
const ARE_PLAIN = `exec 5>&1
to_pipe() { cp --attributes-only --preserve=mode,xattr "$1" /dev/fd/1 2>/dev/null; }
{ to_pipe /dev/fd/3 && to_pipe /dev/fd/4 && echo plain >&5; } | :`;

/** How long a directory is believed to give new files no access list of its own (a default one). */
const DIRECTORY_MEMORY_MS = 1_000;
const MAX_REMEMBERED = 1_024;
/** How a `cp` that is not GNU's answers to these options. */
const FOREIGN_CP = /unrecognized option|invalid option|unknown option|unexpected argument|without xattr support/i;
/** Errors of starting a program that say nothing of whether there is one. */
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
 * On systems without GNU `cp` (busybox, macOS, Windows) they can be neither seen nor copied, and are lost.
 */
export class Attributes {
  readonly #host: DocumentHost;
  /** By device and inode: when the file that has nothing to carry was last changed. */
  readonly #plainFiles = new Map<string, bigint>();
  /** The same of files that this process made, of which that is not known. */
  readonly #made = new Map<string, bigint>();
  /** By device and inode: until when new files in a directory are believed to have no access list. */
  readonly #plainDirectories = new Map<string, number>();
  #isUnable = process.platform !== 'linux';

  private constructor(host: DocumentHost) {
    this.#host = host;
  }

  /** The one of a machine. */
  static on(host: DocumentHost): Attributes {
    const known = machines.get(host);
    if (known) return known;
    const made = new Attributes(host);
    machines.set(host, made);
    return made;
  }

  /**
   * Makes the access list and the extended attributes of `to` those of the file. Resolves to whether both files are
   * known to have none.
   *
   * @throws {StoreError} (rejects) if there are some, and they cannot be kept
   */
  async carry(file: Carried, to: number): Promise<boolean> {
    if (this.#isUnable) return false;
    if (this.#isKnown(file)) return true;
    // To ask takes longer than to copy: so it is asked from the second replacement of a file in a row on.
    const isOurs = isNoted(this.#made, file.facts) || isNoted(this.#plainFiles, file.facts);
    if (isOurs && (await this.#arePlain(file, to))) return true;
    this.#check(await this.#host.run('cp', COPY, [file.from, to]), file.act);
    return false;
  }

  /** A replacement is in place: from now on, until it changes, it is known. */
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
