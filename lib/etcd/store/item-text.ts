import type { Item } from '../../line/item.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import type { EtcdResource } from './etcd-resource.ts';

/** An item as its key's value has it. */
interface ItemText {
  /** The id of the request that has put it: it shows whose item this is where an answer was lost. */
  readonly request: string;
  readonly text: string;
}

export function itemToJson({ request, text }: ItemText): string {
  return JSON.stringify([request, text]);
}

/** A value that another program has put there is text, too: the process that takes it reports that it is no item. */
export function itemFromJson({ value }: Pick<KeyValue, 'value'>): ItemText {
  const json = value.toString();
  try {
    const [request, text] = JSON.parse(json) as [unknown, unknown];
    if (typeof request === 'string' && typeof text === 'string') return { request, text };
  } catch {
    // As below.
  }
  return { request: '', text: json };
}

/** Returns the item that an entry of ours has taken from a queue; null if nothing, or if it is not there any more: then the entry is lost. */
export async function itemOf({ keys, parts }: EtcdResource, own: EtcdEntry): Promise<Item | null> {
  const { taken } = own;
  if (taken === null) return null;
  if (own.text === null) {
    const { kvs } = await parts.client.range({ key: keys.item(taken.sequence) });
    const [found] = kvs;
    if (found === undefined) return null;
    own.text = itemFromJson(found).text;
  }
  return { ...taken, text: own.text };
}
