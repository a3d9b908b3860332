import type { Session } from '../../session/session.ts';
import type { Past } from '../../store/past.ts';
import type { LineView } from '../../store/store.ts';
import type { TakesRange, TakesView } from '../../store/takes-view.ts';
import type { Clock } from '../../time/clock.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import { CountActions } from './count-actions.ts';
import type { EtcdResource } from './etcd-resource.ts';
import { withExpiry } from './expiry.ts';
import { readCut } from './line-cut.ts';
import { viewLine } from './line-view.ts';
import { readPast } from './past-reader.ts';
import type { TicketBase } from './ticket-base.ts';

export interface EtcdViewsOptions {
  readonly client: EtcdClient;
  readonly session: Session;
  readonly base: TicketBase;
  readonly clock: Clock;
  readonly resourceOf: (name: string) => EtcdResource;
}

/** The views that a store on etcd has of its lines, now and in the past. */
export class EtcdViews {
  readonly #options: EtcdViewsOptions;

  constructor(options: EtcdViewsOptions) {
    this.#options = options;
  }

  /** A line as it is now, with what it needed done. */
  async of(name: string): Promise<LineView | null> {
    const { session, resourceOf } = this.#options;
    const resource = resourceOf(name);
    const [line, base] = await Promise.all([resource.settled(), this.#options.base.get()]);
    return viewLine(name, line, { session, judge: resource.judge, base });
  }

  /** Several, as they were at one moment. */
  async cut(names: readonly string[]): Promise<Array<LineView | null>> {
    return readCut(names, { ...this.#options, base: await this.#options.base.get() });
  }

  /** As `Store.withExpiry`. */
  async withExpiry(lines: readonly LineView[]): Promise<LineView[]> {
    const { client, resourceOf } = this.#options;
    const lineOf = (name: string) => resourceOf(name).ledger.line;
    return withExpiry(lines, { client, base: await this.#options.base.get(), lineOf });
  }

  takes(name: string, range: TakesRange): Promise<TakesView | null> {
    return new CountActions(this.#options.resourceOf(name)).view(range);
  }

  async past(name: string): Promise<Past | null> {
    const { client, clock, resourceOf } = this.#options;
    const { keys, judge } = resourceOf(name);
    return readPast(client, { name, keys, judge, base: await this.#options.base.get(), clock });
  }
}
