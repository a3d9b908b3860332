import type { EtcdClient } from '../client/etcd-client.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';
import { EntryWaits } from './entry-waits.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import { EtcdResource, type StoreParts } from './etcd-resource.ts';
import { StoreKeys } from './keys.ts';
import { stateFromJson } from './line-state.ts';

/** Names whose lines are remembered though none of our entries is in them. */
const MAX_IDLE_NAMES = 128;

export interface OpenName {
  readonly resource: EtcdResource;
  readonly waits: EntryWaits;
}

/** The names of a store: those that this session uses, and all. */
export class OpenNames {
  readonly keys: StoreKeys;
  readonly #parts: () => StoreParts;
  readonly #open = new Map<string, OpenName>();

  constructor(prefix: string, parts: () => StoreParts) {
    this.keys = new StoreKeys(prefix);
    this.#parts = parts;
  }

  /** @throws {MisuseError} for a name that none can have */
  open(name: string): OpenName {
    const known = this.#open.get(name);
    if (known) return known;
    for (const [key, { resource, waits }] of this.#open) {
      if (this.#open.size < MAX_IDLE_NAMES) break;
      if (resource.inUse) continue;
      waits.stop();
      this.#open.delete(key);
    }
    const resource = new EtcdResource(name, this.keys.of(name), this.#parts());
    const opened = { resource, waits: new EntryWaits(resource) };
    this.#open.set(name, opened);
    return opened;
  }

  /** All entries of this session. */
  entries(): EtcdEntry[] {
    return [...this.#open.values()].flatMap(({ resource }) => resource.own.all());
  }

  loseAll(lease: LeaseKeeper): void {
    for (const { resource } of this.#open.values()) resource.loseAll(lease);
  }

  stop(): void {
    for (const { waits } of this.#open.values()) waits.stop();
  }

  /** All names in use, sorted. A long one is in its state alone. */
  async list(client: EtcdClient): Promise<string[]> {
    const { kvs } = await client.range({ ...this.keys.all, keysOnly: true });
    const names = kvs.map(async ({ key }) => {
      const encoded = this.keys.encodedNameOf(key.toString());
      if (encoded === null) return [];
      return encoded.includes('~') ? this.#longName(client, key) : decodedName(encoded);
    });
    return (await Promise.all(names)).flat().sort();
  }

  async #longName(client: EtcdClient, key: Buffer): Promise<string[]> {
    const { kvs } = await client.range({ key });
    const [kv] = kvs;
    return kv ? [stateFromJson(kv.value.toString(), kv.modRevision)?.name ?? []].flat() : [];
  }
}

function decodedName(encoded: string): string[] {
  try {
    return [decodeURIComponent(encoded)];
  } catch {
    // Not ours: another program put it there.
    return [];
  }
}
