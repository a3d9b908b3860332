import type { EndSignal } from '../node-types.ts';
import { OptionNames } from '../options/option-names.ts';
import type { ResourceOptions } from './resource.ts';
import type { WaitOptions } from './waiting.ts';

/** Options of a `Queue`. */
export interface QueueOptions extends ResourceOptions {
  /** How many items may be queued, not counting those that are taken: with so many, `put` waits. It is this object's own. Default: 65,536. */
  maxSize?: number;
}

/** Options of `Queue.put`. */
export interface PutOptions extends WaitOptions {
  /**
   * The request's own id, 1 to 200 characters: the same id puts once, whatever the item, as long as it is one of the newest 10,000 ids of the
   * queue. Default: none; then a request that is sent twice puts twice.
   */
  id?: string;
}

/** Options of `Queue.get`. */
export interface GetOptions extends WaitOptions {
  /** Describes the caller for others, as for `Lock.acquire`. */
  label?: string;
}

/** Options of `Queue.run`. */
export interface QueueRunOptions {
  /** How many items are handled at the same time. Default: 1. */
  concurrency?: number;
  /** Ends it: no further item is taken. Default: it goes on for ever. */
  signal?: EndSignal | undefined;
  label?: string;
}

/** How many items there are, and how many wait for one. */
export interface QueueStatus {
  /** Items that nobody has taken. */
  readonly queued: number;
  /** Items that are taken, and neither done nor given back. */
  readonly taken: number;
  /** How many calls of `get` wait. */
  readonly waiting: number;
}

export const QUEUE = new OptionNames<QueueOptions>(
  'new CLASS(name, …)',
  { store: true, maxSize: true },
  { string: 'store', number: 'maxSize' },
);
export const PUT = new OptionNames<PutOptions>(
  'put(item, …)',
  { timeout: true, signal: true, id: true },
  { number: 'timeout', string: 'id' },
);
export const GET = new OptionNames<GetOptions>(
  'get(…)',
  { timeout: true, signal: true, label: true },
  { number: 'timeout' },
);
export const JOIN = new OptionNames<WaitOptions>('join(…)', { timeout: true, signal: true }, { number: 'timeout' });
export const RUN = new OptionNames<QueueRunOptions>(
  'run(handler, …)',
  { concurrency: true, signal: true, label: true },
  { number: 'concurrency' },
);
