import type { EntryView, LineView } from '../../store/store.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import type { EtcdLine } from './etcd-line.ts';

/** A key that was put without a lease never expires. */
const NO_LEASE = 0n;

export interface ExpiryOptions {
  readonly client: Pick<EtcdClient, 'timeToLive'>;
  /** As of `TicketBase`. */
  readonly base: number;
  /** A name's line as it is known here; null if it was never read. */
  readonly lineOf: (name: string) => EtcdLine | null;
}

/**
 * The same lines with the time that is left of the lease of each entry. Each lease is asked for once: a session has one for all its
 * entries. A server counts in seconds.
 */
export async function withExpiry(lines: readonly LineView[], options: ExpiryOptions): Promise<LineView[]> {
  const asked = new Map<bigint, Promise<number>>();
  const restOf = (id: bigint) => {
    const rest = asked.get(id) ?? options.client.timeToLive(id).then(({ ttl }) => Math.max(0, ttl) * 1_000);
    asked.set(id, rest);
    return rest;
  };
  const shown = async (entry: EntryView, id: bigint | undefined): Promise<EntryView> =>
    id === undefined || id === NO_LEASE ? entry : { ...entry, expiresInMs: await restOf(id) };
  return Promise.all(
    lines.map(async (line) => {
      const known = options.lineOf(line.name)?.entries ?? [];
      const leases = new Map(known.map(({ place, lease }) => [options.base + place, lease]));
      const entries = await Promise.all(line.entries.map((entry) => shown(entry, leases.get(entry.ticket))));
      return { ...line, entries };
    }),
  );
}
