import type { Session } from '../../session/session.ts';
import type { LineView } from '../../store/store.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import type { EtcdResource } from './etcd-resource.ts';
import { viewLine } from './line-view.ts';

/** How many names are read in one transaction: a server takes 128 operations. */
const MOST_READ = 100;

export interface CutOptions {
  readonly client: EtcdClient;
  readonly session: Session;
  /** As of `TicketBase`. */
  readonly base: number;
  readonly resourceOf: (name: string) => EtcdResource;
}

/** The lines of these names, all read at one revision. The changes that a line needs (`chore.ts`) are not made. */
export async function readCut(names: readonly string[], options: CutOptions): Promise<Array<LineView | null>> {
  const { client, session, base, resourceOf } = options;
  const views: Array<LineView | null> = [];
  let revision = 0;
  for (let from = 0; from < names.length; from += MOST_READ) {
    const opened = names.slice(from, from + MOST_READ).map(resourceOf);
    const ranges = opened.map(({ keys }) => ({ range: { ...keys.all, revision } }));
    const { header, responses } = await client.txn({ success: ranges }, { isRepeatable: true });
    // The next ones are read as they were then.
    revision ||= header.revision;
    for (const [at, resource] of opened.entries()) {
      const line = resource.ledger.accept(revision, responses[at]?.range?.kvs ?? []);
      views.push(viewLine(resource.name, line, { session, judge: resource.judge, base }));
    }
  }
  return views;
}
