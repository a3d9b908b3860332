import { realpathSync } from 'node:fs';
import path from 'node:path';
import { type AcquireOptions, type Lease, openStore, openStoreBeside, Semaphore, type Store } from '../../lib/index.ts';
import { Acquirable, FlockLock, inheritedIn, isErrno, type Kept, messageOf } from '../../lib/internal.ts';
import type { FlockArguments, KindArguments, ResourceArguments } from '../args/options.ts';
import { UsageError } from '../output/exit.ts';

/** A name in a store, as the command line gives it. */
export interface Target {
  name: string;
  store: Store;
  /** The lock of other programs that is acquired along with it, in words; null if there is none. */
  foreignWords?: string | null;
}

/** Resolves NAME or `--file`, and opens the store. @throws {UsageError} */
export function targetOf(args: ResourceArguments): Target {
  const { name, beside } = resourceOf(args);
  return { name, store: beside === null ? openStore(args.dir) : openStoreBeside(beside) };
}

/** The same without opening a store: the name, and the real path of the file that has the store beside it. */
export function resourceOf({ name, file, dir }: ResourceArguments): { name: string; beside: string | null } {
  if (name !== undefined && file !== undefined) throw new UsageError('NAME and --file exclude each other');
  if (name === undefined && file === undefined) throw new UsageError('missing NAME (or --file FILE)');
  if (name !== undefined) return { name, beside: null };
  if (dir !== undefined) throw new UsageError('--file uses the store beside the file: omit --dir');
  const beside = realPath(file ?? '');
  return { name: path.basename(beside), beside };
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    throw new UsageError(
      `--file ${file}: ${isErrno(error, 'ENOENT') ? 'there is no such file' : messageOf(error as Error)}`,
    );
  }
}

/** The lock (shared or not) or semaphore that the options ask for. */
export class Requested extends Acquirable {
  readonly #ask: number;
  readonly #keeps: () => Kept[];

  /** `keeps` is called when a wait begins: the entries that the process we acquire for keeps during it. */
  constructor(target: Target, args: KindArguments & FlockArguments, keeps: () => Kept[] = () => []) {
    const { permits, take, shared, resize, flock } = args;
    checkKind(target, args);
    const foreign = flock === undefined ? null : new FlockLock(flock);
    const config = permits === undefined ? { kind: 'lock', permits: 1 } : { kind: 'semaphore', permits };
    super(target.name, { ...config, resize }, { store: target.store }, undefined, foreign);
    this.#ask = shared ? 0 : take;
    this.#keeps = keeps;
  }

  /** The lock of other programs that is acquired along with it, in words; null if there is none. */
  get foreignWords(): string | null {
    return this.foreign?.words ?? null;
  }

  /** The enclosing commands wait for this one, and keep their locks meanwhile. */
  protected override heldBy(): Kept[] {
    return [...inheritedIn(this.store.place), ...this.#keeps()];
  }

  protected override ask(): number {
    return this.#ask;
  }

  acquire(options: AcquireOptions): Promise<Lease> {
    return this.enter(options);
  }

  tryAcquire(options: AcquireOptions): Promise<Lease | null> {
    return this.tryEnter(options);
  }
}

function checkKind(target: Target, { permits, take, shared, exclusive, flock }: KindArguments & FlockArguments): void {
  if (shared && exclusive) throw new UsageError('--shared and --exclusive exclude each other');
  if (permits !== undefined && (shared || exclusive))
    throw new UsageError('--permits makes a semaphore, which is neither --shared nor --exclusive');
  if (permits !== undefined && flock !== undefined)
    throw new UsageError('--flock needs a lock: the holders of a semaphore (--permits) would keep each other out');
  if (flock === '') throw new UsageError('--flock takes the path of a file');
  // The library checks the number.
  if (permits !== undefined) new Semaphore(target.name, permits, { store: target.store });
  if (take !== 1 && permits === undefined) throw new UsageError('--take needs --permits: a lock has one permit');
  if (!Number.isSafeInteger(take) || take < 1 || take > (permits ?? 1))
    throw new UsageError(`--take must be a whole number from 1 to ${permits}, not ${take}`);
}
