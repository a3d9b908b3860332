import { StoreError } from '../../errors.ts';
import type { Documents, Replaced, StoredBytes } from '../../store/documents.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import { isThere } from './comparisons.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import { type EtcdResource, MAX_ROUNDS } from './etcd-resource.ts';
import { type Guard, isEtcd, tooBusy } from './store-failure.ts';

/** A server takes requests of 1.5 MiB, of which the rest of the transaction is a part. */
export const MAX_DOCUMENT_BYTES = 1_500_000;

export interface EtcdDocumentsOptions {
  readonly client: EtcdClient;
  readonly resourceOf: (name: string) => EtcdResource;
  readonly guard: Guard;
}

/** The documents of a store on etcd: each is a key beside the line of its name. */
export class EtcdDocuments implements Documents {
  readonly #options: EtcdDocumentsOptions;

  constructor(options: EtcdDocumentsOptions) {
    this.#options = options;
  }

  read(name: string): Promise<StoredBytes | null> {
    return this.#options.guard('read', name, () => this.#read(this.#options.resourceOf(name)));
  }

  replace(entry: { readonly name: string }, bytes: Uint8Array, revision: number): Promise<Replaced> {
    const resource = this.#options.resourceOf(entry.name);
    if (bytes.length > MAX_DOCUMENT_BYTES) throw tooLarge(resource, bytes.length);
    return this.#options.guard('replace', entry.name, () =>
      this.#replace(resource, entry as EtcdEntry, Buffer.from(bytes), revision),
    );
  }

  async #read({ keys }: EtcdResource): Promise<StoredBytes | null> {
    const { kvs } = await this.#options.client.range({ key: keys.document });
    const [found] = kvs;
    return found ? { bytes: found.value, revision: found.modRevision } : null;
  }

  /**
   * The change may be sent again where no answer comes: its comparison fails once it was done. Then the
   * document is ours, and newer than the one that we have read.
   */
  async #replace(resource: EtcdResource, own: EtcdEntry, value: Buffer, revision: number): Promise<Replaced> {
    const { ledger, keys, name, parts } = resource;
    const { entry, id } = own.joined ?? {};
    let line = await ledger.known();
    let unsure: unknown = null;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = entry && id && own.isInLine ? line.find(entry.key, id) : undefined;
      const isSame = { key: keys.document, result: 'equal', target: 'mod', modRevision: revision } as const;
      try {
        if (found?.isAdmitted) {
          const change = { compare: [isThere(found), isSame], success: [{ put: { key: keys.document, value } }] };
          if ((await ledger.once(change, { isRepeatable: true })).isDone) return 'replaced';
        }
        const now = await this.#read(resource);
        if (now && now.revision > revision && now.bytes.equals(value)) return 'replaced';
        if ((now?.revision ?? 0) !== revision) return 'changed';
        line = await ledger.read();
      } catch (error) {
        // Nothing else says by now whether it was done.
        if (!isEtcd(error, 'UNSURE') || unsure !== null) throw unsure ?? error;
        unsure = error;
        continue;
      }
      if (own.state === 'holding') continue;
      // It may still be on its way, and the entry be in line there.
      if (unsure !== null) throw unsure;
      return 'lost';
    }
    throw tooBusy(name, parts.place);
  }
}

function tooLarge({ name, parts }: EtcdResource, length: number): StoreError {
  return new StoreError(
    'FILE_TOO_LARGE',
    `${name}: the document would have ${length} bytes, and a store on etcd takes at most ${MAX_DOCUMENT_BYTES}. It was not changed. Keep large contents in a file, and only its name here.`,
    { operation: 'replace', resource: name, path: parts.place },
  );
}
