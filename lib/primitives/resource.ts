import { noteOpen } from '../deadlock/open-stores.ts';
import { ConfigMismatchError, MisuseError } from '../errors.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import { describeConfig } from '../line/config.ts';
import { OptionNames } from '../options/option-names.ts';
import { checkName } from '../store/name.ts';
import type { LineView, Store } from '../store/store.ts';
import { chosenStore, storeOf } from '../stores/open-store.ts';

/** Options of every resource. */
export interface ResourceOptions {
  /**
   * A store, or the directory of one on disk, or the URL of one on etcd; a relative path is resolved when the object is made.
   * Default: `$LOCKSTEP_STORE`, `$LOCKSTEP_DIR`, or the user's own on disk.
   */
  store?: Store | string;
}

const OPTIONS = new OptionNames<ResourceOptions>('new CLASS(name, …)', { store: true }, { string: 'store' });

/** A name in a store, and the kind of resource that it stands for. Creating the object touches no file. */
export abstract class Resource {
  /** The resource's name: the same in every process that shares it. */
  readonly name: string;
  protected readonly config: Config;
  readonly #chosen: Store | string | undefined;
  #store: Store | undefined;

  /** @internal @throws {MisuseError} */
  constructor(name: string, config: Config, options: ResourceOptions, names: OptionNames = OPTIONS) {
    checkName(name);
    names.check(options, new.target.name);
    this.name = name;
    this.config = config;
    this.#chosen = chosenStore(options.store);
  }

  /** The store that keeps the resource's line. @throws {StoreError} if it cannot be opened or trusted */
  get store(): Store {
    if (!this.#store) {
      this.#store = storeOf(this.#chosen);
      noteOpen(this.#store);
    }
    return this.#store;
  }

  /** Resolves to the line as it is now: its holders and its waiters. @throws {StoreError} (rejects) */
  async inspect(): Promise<LineView> {
    return (
      (await this.store.snapshot(this.name)) ?? { name: this.name, ...this.config, value: 0, revision: 0, entries: [] }
    );
  }

  /** Where another process finds the store. @throws {MisuseError} unless another process can open it */
  protected get place(): string {
    const { store } = this;
    if (store.capabilities.reopens) return store.place;
    throw new MisuseError(`${this.name}: the store ${store.place} cannot be transferred to another process`);
  }

  /** Resolves to the line, for a caller that uses more of it than its entries. @throws {ConfigMismatchError} (rejects) */
  protected async read(): Promise<LineView> {
    const line = await this.inspect();
    const { kind, permits } = this.config;
    if (line.kind === kind && line.permits === permits) return line;
    throw new ConfigMismatchError(this.name, describeConfig(line), describeConfig(this.config));
  }

  /** Resolves to the number that an action results in; null: it was void. */
  protected async act(action: Action): Promise<number | null> {
    const answer = await this.store.act(this.name, this.config, action);
    return typeof answer === 'number' ? answer : null;
  }
}
