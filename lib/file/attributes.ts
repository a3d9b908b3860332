import type { DocumentFacts, DocumentHost, ProgramEnd } from '../host/document-host.ts';
import { type AttributeHint, type HintPlace, hintFrom, idOf, textOf } from './attribute-hint.ts';
import { type FileAct, fileError } from './file-error.ts';

/*
 * Node has no call for access lists and extended attributes, so GNU `cp` copies them, between descriptors: these stay
 * valid whatever the files' names lead to. Starting it takes longer than all the rest of a replacement. So for a file
 * that is replaced repeatedly one writer checks whether there is anything to copy, remembers the answer, and leaves it as a hint
 * for the other processes that replace the file.
 */
const COPY = ['--attributes-only', '--preserve=mode,xattr', '/dev/fd/3', '/dev/fd/4'];
/**
 * A pipe has a mode, but neither an access list nor extended attributes: so `cp` can copy a file's attributes to a pipe
 * only if the file has no others. Prints `plain` if that is true of both files.
 */
const ARE_PLAIN = `exec 5>&1
to_pipe() { cp --attributes-only --preserve=mode,xattr "$1" /dev/fd/1 2>/dev/null; }
{ to_pipe /dev/fd/3 && to_pipe /dev/fd/4 && echo plain >&5; } | :`;

/** For how long to assume that a directory gives new files no default access list; and how soon replacements are in a row. */
const RECENT_NS = 1_000_000_000n;
const MAX_REMEMBERED = 1_024;
/** Messages of a `cp` other than GNU's that does not know these options. */
const FOREIGN_CP = /unrecognized option|invalid option|unknown option|unexpected argument|without xattr support/i;
/** Errors of starting a program that do not mean that it is missing. */
const CANNOT_START_NOW = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'];

const machines = new WeakMap<DocumentHost, Attributes>();

/** A file that is being replaced. */
export interface Carried {
  from: number;
  facts: DocumentFacts;
  /** The time, by the clock of the file system. */
  nowNs: bigint;
  /** The directory in which its replacement was made. */
  directory: DocumentFacts;
  act: FileAct;
  /** For the hint of the last writer, if that was another process. */
  hintPlace?: HintPlace | undefined;
}

/**
 * Carries access lists and extended attributes from a file to the one that will replace it.
 *
 * On systems without GNU `cp` (busybox, macOS, Windows) they can be neither detected nor copied, and are lost.
 */
export class Attributes {
  readonly #host: DocumentHost;
  /** By device and inode: files that this process put in place. */
  readonly #hints = new Map<string, AttributeHint>();
  /** By device and inode: when a directory gave new files no access list, by the clock of its file system. */
  readonly #plainDirectories = new Map<string, bigint>();
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
   * Copies the access list and the extended attributes of the file to `to`. If both files are known to have none, resolves to when
   * that was checked; else to null.
   *
   * @throws {StoreError} (rejects) if the file has some that cannot be kept
   */
  async carry(file: Carried, to: number): Promise<bigint | null> {
    if (this.#isUnable) return null;
    const { facts, nowNs, hintPlace } = file;
    const hint = this.#hintOf(facts, hintPlace);
    const plainNs = hint && this.#plainNs(hint, file);
    if (plainNs !== null) return plainNs;
    // The check takes longer than the copy, so it is made only from a file's second replacement in a row on.
    if (hint && isRecent(facts.changedNs, nowNs) && (await this.#arePlain(file, to))) return nowNs;
    this.#check(await this.#host.run('cp', COPY, [file.from, to]), file.act);
    return null;
  }

  /** Remembers a replacement that is in place, until it changes, and leaves the hint about it. `plainNs`: as `carry` resolved. */
  note(facts: DocumentFacts, plainNs: bigint | null, hintPlace?: HintPlace): void {
    if (this.#isUnable) return;
    const hint: AttributeHint = { id: idOf(facts), changedNs: facts.changedNs, plainNs };
    remember(this.#hints, hint.id, hint);
    hintPlace?.write(textOf(hint));
  }

  #hintOf(facts: DocumentFacts, hintPlace: HintPlace | undefined): AttributeHint | null {
    const own = this.#hints.get(idOf(facts));
    if (own?.changedNs === facts.changedNs) return own;
    const text = hintPlace?.read() ?? null;
    return text === null ? null : hintFrom(text, facts);
  }

  /** When the file and its directory were last found plain, if that is recent. */
  #plainNs({ plainNs }: AttributeHint, { directory, nowNs }: Carried): bigint | null {
    if (plainNs === null) return null;
    const around = this.#plainDirectories.get(idOf(directory)) ?? 0n;
    const latest = around > plainNs ? around : plainNs;
    return isRecent(latest, nowNs) ? latest : null;
  }

  async #arePlain({ from, directory, nowNs }: Carried, to: number): Promise<boolean> {
    const { stdout } = await this.#host.run('/bin/sh', ['-c', ARE_PLAIN], [from, to]);
    if (stdout !== 'plain\n') return false;
    remember(this.#plainDirectories, idOf(directory), nowNs);
    return true;
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

/** A time in the future is of a clock that was set back since. */
function isRecent(thenNs: bigint, nowNs: bigint): boolean {
  return thenNs <= nowNs && nowNs - thenNs < RECENT_NS;
}

function remember<T>(memory: Map<string, T>, key: string, value: T): void {
  memory.delete(key);
  const [oldest] = memory.keys();
  if (memory.size >= MAX_REMEMBERED && oldest !== undefined) memory.delete(oldest);
  memory.set(key, value);
}
