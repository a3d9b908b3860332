import { closeOnce } from '../host/close-once.ts';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';

/** Lifelines of sessions that ended, kept for the next ones: making one takes a program of the system's, about 2 ms. */
const MAX_SPARE = 32;
/** How many of them are tried; each that fails was taken by another session at the same moment, or is still held. */
const MAX_CLAIMS = 4;

/** `held`: some process has it. `free`: none has. `unknown`: there is none, or the kernel does not say. */
export type Grip = 'held' | 'free' | 'unknown';

/** A lifeline that is held, and has only a private name. */
export interface PreparedLifeline {
  readonly fd: number;
  readonly path: string;
}

export interface LifelinesOptions {
  host: Host;
  /** Where the session files are. */
  directory: string;
  store: Pick<StoreDirectory, 'fileMode' | 'directoryMode'>;
}

/**
 * Lifelines: FIFOs whose read end a process has open for as long as it lives. The kernel closes it whatever ends the
 * process, and answers every other process at once, in whichever namespace and although the holder is stopped, by
 * whether the FIFO has a reader (`Files.hasReader`).
 *
 * A lifeline has its name only once its read end is open:
 *   1. P makes the FIFO under its name;
 *   2. Q finds that it has no reader, and takes P for dead;
 *   3. P opens it.
 * So it is made, and opened, under a private name first.
 */
export class Lifelines {
  readonly #options: LifelinesOptions;

  constructor(options: LifelinesOptions) {
    this.#options = options;
  }

  /** Makes a lifeline and holds it. Returns its descriptor; null if there can be none. */
  hold(name: string): number | null {
    const prepared = this.prepare();
    return prepared && this.name(prepared, name) ? prepared.fd : null;
  }

  /** Makes one without a name, and holds it. Null if there can be none. */
  prepare(): PreparedLifeline | null {
    const { files, processes } = this.#options.host;
    const own = this.#path(`.line.${processes.nonce()}`);
    try {
      const fd = this.#takeSpare(own) ?? this.#make(own);
      if (fd !== null) return { fd, path: own };
    } catch {
      // A session without one is judged by its pid alone, and where that cannot be, counts as alive.
    }
    this.#bestEffort(() => files.remove(own));
    return null;
  }

  /** Gives it its name. False, and it has ended, if that cannot be done. */
  name(prepared: PreparedLifeline, name: string): boolean {
    try {
      this.#options.host.files.rename(prepared.path, this.#path(name));
      return true;
    } catch {
      // A rename can fail although it was done. Closed now, the lifeline would have its name and no reader.
      if (this.#mayBeThere(name)) return true;
      this.discard(prepared);
      return false;
    }
  }

  discard({ fd, path }: PreparedLifeline): void {
    this.close(fd);
    this.#bestEffort(() => this.#options.host.files.remove(path));
  }

  /** Ends our own hold; other processes may have it still. */
  close(fd: number): void {
    closeOnce(this.#options.host.files, fd);
  }

  /** Whether a process holds it. */
  grip(name: string): Grip {
    return gripOf(this.#options.host, this.#path(name));
  }

  /** Ends one of our own. `isKept`: it stays there as proof that its session has ended. */
  release(name: string, fd: number, isKept: boolean): void {
    this.close(fd);
    if (!isKept) this.remove(name);
  }

  /** Removes one that no process holds, for good or for the next session. */
  remove(name: string): void {
    const { host, store } = this.#options;
    const { files } = host;
    this.#bestEffort(() => {
      const spare = this.#path('spare');
      files.makeDirectory(spare, store.directoryMode);
      checkOwnDirectory(host, spare);
      if ((files.list(spare) ?? []).length < MAX_SPARE && this.grip(name) === 'free')
        files.rename(this.#path(name), `${spare}/${host.processes.nonce()}`);
      else files.remove(this.#path(name));
    });
  }

  /** Claims one by renaming it: of two sessions only one succeeds. */
  #takeSpare(own: string): number | null {
    const { files } = this.#options.host;
    const spare = this.#path('spare');
    const names = files.list(spare) ?? [];
    for (let round = 0; round < MAX_CLAIMS && names.length > 0; round++) {
      const [name] = names.splice(Math.floor(Math.random() * names.length), 1) as [string];
      try {
        files.rename(`${spare}/${name}`, own);
        // A process that still has it open would keep it alive after us.
        if (files.hasReader(own) === false) return files.openFifo(own);
        files.remove(own);
      } catch {
        // Another session has it; or it is ours, and no use.
        this.#bestEffort(() => files.remove(own));
      }
    }
    return null;
  }

  #make(own: string): number | null {
    const { files } = this.#options.host;
    return files.makeFifo(own, this.#options.store.fileMode);
  }

  #mayBeThere(name: string): boolean {
    try {
      return this.#options.host.files.look(this.#path(name)) !== null;
    } catch {
      return true;
    }
  }

  #path(name: string): string {
    return `${this.#options.directory}/${name}`;
  }

  #bestEffort(call: () => void): void {
    try {
      call();
    } catch {
      // A leftover harms nobody.
    }
  }
}

/** Whether any process of this kernel holds a lifeline. */
export function gripOf({ files }: Host, path: string): Grip {
  try {
    const isHeld = files.hasReader(path);
    return isHeld === null ? 'unknown' : isHeld ? 'held' : 'free';
  } catch {
    return 'unknown';
  }
}
