import type { DiskResource } from './disk-resource.ts';
import type { Eviction, Owner } from './line.ts';
import type { EntryState, OwnEntry } from './store.ts';

/** An entry that this session put into a resource's line, kept up to date by its `DiskResource`. */
export class DiskEntry implements OwnEntry {
  readonly resource: DiskResource;
  readonly ticket: number;
  readonly adopters: Owner[] = [];
  state: EntryState;
  eviction: Eviction | null = null;
  /** Called when the state has changed. */
  onChange: (() => void) | null = null;

  constructor(resource: DiskResource, ticket: number, state: EntryState) {
    this.resource = resource;
    this.ticket = ticket;
    this.state = state;
  }

  get name(): string {
    return this.resource.name;
  }
}
