import type { FileFacts, Host } from '../host/host.ts';
import { checkOwnDirectory, makeOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { findStoreDirectory, OwnStorePolicy, type PlaceWishes } from './store-directory.ts';
import { StoreGround } from './store-ground.ts';

/**
 * Finds the directory on this machine that belongs to a store on servers: `<root>/remote/<name>`, where `root` is a store on
 * disk. It is trusted as `root` is, and made at its first use.
 *
 * @throws {StoreError} if what is there cannot be trusted
 */
export function findCompanionDirectory(host: Host, root: string, name: string, wishes: PlaceWishes = {}) {
  const directory = `${root}/remote/${name}`;
  const store = findStoreDirectory(host, root, wishes);
  const ground = new CompanionGround(host, directory, wishes, new CompanionPolicy(host, directory, store, wishes));
  ground.check();
  return ground;
}

/** Other kernels have no files there, but what was fetched from them is about their processes. */
class CompanionGround extends StoreGround {
  override get local(): boolean {
    return false;
  }
}

/** The directories and files that it makes have the modes of the store around it. */
class CompanionPolicy extends OwnStorePolicy {
  readonly #host: Host;
  readonly #directory: string;
  readonly #store: StoreDirectory;

  constructor(host: Host, directory: string, store: StoreDirectory, wishes: PlaceWishes) {
    super(host, directory, wishes);
    this.#host = host;
    this.#directory = directory;
    this.#store = store;
  }

  override make(): void {
    this.#store.remake();
    const around = `${this.#store.path}/remote`;
    makeOwnDirectory(this.#host, around, this.#store.directoryMode);
    this.#host.files.makeDirectory(this.#directory, this.plannedMode());
  }

  /** Also where something else has taken the place of the directory around it. */
  override check(facts: FileFacts): number {
    checkOwnDirectory(this.#host, `${this.#store.path}/remote`);
    return super.check(facts);
  }
}
