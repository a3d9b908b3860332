import type { QueueItem } from '../../../lib/index.ts';
import type { LimitArguments, StoreArguments, WordArguments } from '../../args/options.ts';

export interface QueueArguments extends StoreArguments, LimitArguments, WordArguments {
  name: string;
  action?: string | undefined;
  items?: string[] | undefined;
  nonblock: boolean;
  maxSize?: number | undefined;
  attempts: number;
  killAfter: string;
  json: boolean;
}

/** A string as it is, anything else as JSON. */
export function textOf({ value }: QueueItem<unknown>): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
