import { mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { Script, type ScriptOptions } from 'node:vm';
import { cacheDirectory } from './cache-directory.ts';
import { readKept, type Seen, seen, writeKept } from './kept-file.ts';

/** Cached code begins at a multiple of this many bytes: V8 would copy it otherwise. */
const ALIGNMENT = 8;
/** Of several versions of Lockstep and of Node. A file is about 800 kB. */
const MAX_FILES = 20;
/** A call that has not put its new file in place for so long was killed. */
const ABANDONED_MS = 600_000;
const OURS = /^[a-z]+(-etcd)?-[0-9a-f]{8}\.code(\.\d+\.\d+\.tmp)?$/;

/** A script's source, as it was compiled. */
export interface Source {
  /** Its name beside the program. */
  file: string;
  size: number;
  mtimeMs: number;
}

interface Part extends Source {
  at: number;
  length: number;
}

interface Contents {
  key: string;
  parts: Part[];
}

/**
 * The code that V8 compiled in an earlier call of the same verb, in a file of this user. V8 trusts such code: it
 * checks neither that it is whole, nor that it belongs to the source. Hence the care with its place (`cacheDirectory`), with
 * its bytes (`readKept`) and with its key.
 *
 * It is kept for each verb by itself: then it has just the functions that this verb calls.
 */
export class CodeCache {
  readonly #file: string;
  readonly #key: string;
  /** Null as soon as all of its parts are used: a process that waits needs no 800 kB of it. */
  #kept: Buffer | null;
  #parts: readonly Part[];
  readonly #scripts: Array<{ source: Source; script: Script }> = [];
  /** V8's flags and the kept file when the first script was compiled without code of its own; null if none was. */
  #missing: { flags: Buffer; seen: Seen } | null = null;

  /**
   * Null where nothing can be kept, or the user does not want it.
   *
   * @param verb also with the kind of its store
   * @param build a hash of all scripts
   */
  static of(verb: string, build: string): CodeCache | null {
    const { NODE_DISABLE_COMPILE_CACHE: disabled, NODE_V8_COVERAGE: coverage } = process.env;
    // Cached code counts nothing for a report of coverage.
    if (disabled || coverage) return null;
    const directory = cacheDirectory(process.env);
    return directory === null ? null : new CodeCache(directory, verb, build);
  }

  private constructor(directory: string, verb: string, build: string) {
    const { version, platform, arch, execArgv, env } = process;
    this.#key = JSON.stringify([build, version, platform, arch, execArgv, env.NODE_OPTIONS ?? '']);
    this.#file = `${directory}/${verb}-${shortHash(this.#key)}.code`;
    this.#kept = readKept(this.#file);
    this.#parts = this.#kept ? this.#partsOf(this.#kept) : [];
  }

  /** Compiles a script, with the code of an earlier call where there is one. */
  compile(source: Source, text: string, options: ScriptOptions): Script {
    const cachedData = this.#codeOf(source);
    const script = new Script(text, cachedData ? { ...options, cachedData } : options);
    this.#scripts.push({ source, script });
    if (!cachedData || script.cachedDataRejected) this.#missing ??= { flags: flagsOfV8(), seen: seen(this.#file) };
    return script;
  }

  #codeOf({ file, size, mtimeMs }: Source): Buffer | undefined {
    const part = this.#parts.find((one) => one.file === file);
    const code = part && this.#kept?.subarray(part.at, part.at + part.length);
    this.#parts = this.#parts.filter((one) => one !== part);
    if (this.#parts.length === 0) this.#kept = null;
    return part?.size === size && part.mtimeMs === mtimeMs ? code : undefined;
  }

  #partsOf(kept: Buffer): readonly Part[] {
    try {
      const { key, parts } = JSON.parse(kept.toString('latin1', 0, kept.indexOf('\n'))) as Contents;
      return key === this.#key ? parts : [];
    } catch {
      // Another program's.
      return [];
    }
  }

  /**
   * Keeps what has been compiled until now, where that was not kept before. To be called at the end, when the verb's own
   * functions are among it. Never throws.
   */
  keep(): void {
    if (!this.#missing) return;
    try {
      this.#write(this.#missing);
    } catch {
      // A full disk, a limit, a place that cannot be written: the next call begins as this one did.
    }
  }

  #write({ flags, seen: before }: { flags: Buffer; seen: Seen }): void {
    // V8 would reject code that was compiled under other flags, which a call that waited has set.
    if (!flags.equals(flagsOfV8())) return;
    const now = seen(this.#file);
    // Another call was faster.
    if (now && (now.ino !== before?.ino || now.mtimeMs !== before.mtimeMs)) return;
    const directory = this.#file.slice(0, this.#file.lastIndexOf('/'));
    if (seen(directory) === null) mkdirSync(directory, 0o700);
    writeKept(this.#file, () => this.#contents());
    tidy(directory);
  }

  #contents(): Buffer {
    const codes = this.#scripts.map(({ script }) => script.createCachedData());
    const parts = this.#scripts.map(({ source }, i) => ({ ...source, at: 0, length: codes[i]?.length ?? 0 }));
    const header = () => `${JSON.stringify({ key: this.#key, parts } satisfies Contents)}\n`;
    // The places are written in it, too: they get room for all their digits.
    let at = aligned(header().length + parts.length * ALIGNMENT);
    const bytes = Buffer.alloc(parts.reduce((sum, { length }) => sum + aligned(length), at));
    for (const [i, part] of parts.entries()) {
      part.at = at;
      codes[i]?.copy(bytes, at);
      at += aligned(part.length);
    }
    bytes.write(header(), 'latin1');
    return bytes;
  }
}

/** It starts with what V8 demands of all cached code in this process. */
function flagsOfV8(): Buffer {
  return new Script('0').createCachedData();
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** FNV-1a. It only names the file, which has the whole key in it. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Removes what other versions and killed calls have left. The newest files stay. */
function tidy(directory: string): void {
  const files = readdirSync(directory).filter((name) => OURS.test(name));
  const byAge = files
    .map((name) => ({ name, mtimeMs: seen(`${directory}/${name}`)?.mtimeMs ?? 0 }))
    .sort((a, b) => b.mtimeMs - a.mtimeMs);
  const kept = byAge.filter(({ name }) => !name.endsWith('.tmp'));
  const abandoned = byAge.filter(({ name, mtimeMs }) => name.endsWith('.tmp') && mtimeMs < Date.now() - ABANDONED_MS);
  for (const { name } of [...kept.slice(MAX_FILES), ...abandoned]) unlinkSync(`${directory}/${name}`);
}
