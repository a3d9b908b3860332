/** A document as it was read. */
export interface StoredBytes {
  readonly bytes: Buffer;
  /** Another one after each change; 0: there is none. */
  readonly revision: number;
}

/** The documents of a store, at most one under each name. Nobody but the holder of the name's lock replaces it. */
export interface Documents {
  /** Null if there is none. */
  read(name: string): Promise<StoredBytes | null>;
  /**
   * Replaces the document under the name of an entry of ours, in one step with the check that the entry is still in line (else `lost`), and that
   * the document is still the one of this revision (else `changed`). So an update that comes too late changes nothing.
   *
   * @throws {StoreError} (rejects) `FILE_TOO_LARGE`; or `UNSURE`: it may have been done
   */
  replace(entry: { readonly name: string }, bytes: Uint8Array, revision: number): Promise<Replaced>;
}

export type Replaced = 'replaced' | 'lost' | 'changed';
