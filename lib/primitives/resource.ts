import { defaultStore, openStore } from '../disk/open-store.ts';
import { ConfigMismatchError, MisuseError } from '../errors.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import { describeConfig } from '../line/config.ts';
import { checkName } from '../store/name.ts';
import type { LineView, Store } from '../store/store.ts';

export interface ResourceOptions {
  /** A store, or the directory of one on disk. Default: `$LOCKSTEP_DIR`, or the user's own. */
  store?: Store | string;
}

/** A name in a store, and what it is. Making one touches no file. */
export abstract class Resource {
  readonly name: string;
  protected readonly config: Config;
  readonly #chosen: Store | string | undefined;
  #store: Store | undefined;

  /** @throws {MisuseError} */
  constructor(name: string, config: Config, { store }: ResourceOptions) {
    checkName(name);
    this.name = name;
    this.config = config;
    this.#chosen = store;
  }

  /** Where the resource's line is. */
  get store(): Store {
    this.#store ??= this.#openStore();
    return this.#store;
  }

  /** The line as it is now: who holds, who waits. */
  async inspect(): Promise<LineView> {
    return (await this.store.snapshot(this.name)) ?? { name: this.name, ...this.config, value: 0, entries: [] };
  }

  /** Where another process finds it. @throws {MisuseError} */
  protected get place(): string {
    const { store } = this;
    if (store.sync) return store.place;
    throw new MisuseError(`${this.name}: the store ${store.place} cannot be handed to another process`);
  }

  /** The line, of which somebody reads more than who stands in it. @throws {ConfigMismatchError} */
  protected async read(): Promise<LineView> {
    const line = await this.inspect();
    const { kind, permits } = this.config;
    if (line.kind === kind && line.permits === permits) return line;
    throw new ConfigMismatchError(this.name, describeConfig(line), describeConfig(this.config));
  }

  protected async act(action: Action): Promise<number | null> {
    return this.store.act(this.name, this.config, action);
  }

  #openStore(): Store {
    if (this.#chosen === undefined) return defaultStore();
    return typeof this.#chosen === 'string' ? openStore(this.#chosen) : this.#chosen;
  }
}
