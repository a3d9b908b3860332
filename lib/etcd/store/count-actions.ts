import type { Action, CountAction } from '../../line/action.ts';
import type { Config } from '../../line/config.ts';
import { REMEMBERED_IDS, REMEMBERED_LOADS } from '../../line/count.ts';
import { type Answer, isTaken } from '../../line/outcome.ts';
import type { TakesRange, TakesView } from '../../store/takes-view.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import type { RequestOp, TxnResponse } from '../client/txn-messages.ts';
import { isAbsent, isUnchanged } from './comparisons.ts';
import { type CountPlan, countPlanOf, type Known, loggedFrom } from './count-plan.ts';
import type { EtcdLine } from './etcd-line.ts';
import { type EtcdResource, MAX_ROUNDS } from './etcd-resource.ts';
import { timeOp } from './line-ledger.ts';
import { NO_TAKES } from './line-state.ts';
import { forgetIds, isToSweep } from './old-ids.ts';
import { isEtcd, tooBusy } from './store-failure.ts';

/** So many takes are read at once. */
const PAGE = 1_000;

export function isCountAction(action: Action): action is CountAction {
  return ['take', 'load', 'trim', 'rebuild'].includes(action.do);
}

/** Changes nothing, and is not believed. */
const LOOK: CountPlan = { change: null, answer: null };

/**
 * Takes from a counter, and what belongs to them: each is one transaction, which compares the state, and that its id is new. One whose answer was
 * lost is sent again: then its id is there, with the answer.
 */
export class CountActions {
  readonly #resource: EtcdResource;

  constructor(resource: EtcdResource) {
    this.#resource = resource;
  }

  async do(action: CountAction, config: Config): Promise<Answer> {
    const { name, parts, ledger } = this.#resource;
    const request = parts.session.nextId();
    let [line, isNew] = [await ledger.known(), false];
    let known: Known = { own: null, logged: 0 };
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const made = await this.#made(line, config);
      if (made !== line) [line, isNew] = [made, false];
      if (line.state === null) continue;
      const facts = { keys: this.#resource.keys, line, state: line.state, known, request, at: this.#resource.now() };
      // How many takes a trim drops must be known of the very line that it changes.
      const plan = action.do === 'trim' && !isNew ? LOOK : countPlanOf(facts, action);
      // The line that was read together with the id counts; an older one may hide the id, or a number that grew since.
      if (plan.change === null && isNew) return plan.answer;
      const { isDone, ...read } = await this.#tried(plan, line, action);
      if (isDone) {
        await this.#sweep(action, plan, read.line).catch(() => undefined);
        return plan.answer;
      }
      [line, known, isNew] = [read.line, read.known, true];
    }
    throw tooBusy(name, parts.place);
  }

  /** Null: there is no counter. */
  async view({ after, limit }: TakesRange): Promise<TakesView | null> {
    const { keys, parts, ledger } = this.#resource;
    const [first, ...others] = pagesOf(after, limit);
    const range = { ...keys.takesAfter(first?.after ?? after), limit: first?.limit ?? 1 };
    const { header, responses } = await parts.client.txn(
      { success: [{ range }, { range: keys.all }] },
      { isRepeatable: true },
    );
    const { state } = ledger.accept(header.revision, kvsIn(responses, 1));
    if (state?.kind !== 'counter') return null;
    let found = kvsIn(responses, 0);
    let last = found;
    for (let page = 0; page < others.length && last.length === PAGE; page++) {
      const from = keys.sequenceOf(String(last.at(-1)?.key));
      const more = { ...keys.takesAfter(from), limit: others[page]?.limit ?? 0, revision: header.revision };
      last = (await parts.client.range(more)).kvs;
      found = [...found, ...last];
    }
    const { takes = NO_TAKES, value: left } = state;
    const { loaded, sequence, trimmedTo, logged, generation } = takes;
    const logs =
      limit === 0 ? [] : found.map(({ key, value }) => loggedFrom(keys.sequenceOf(String(key)), String(value)));
    return { left, loaded, sequence, trimmedTo, logged, generation, takes: logs };
  }

  /** A line that was read earlier may be another kind's by now. */
  async #made(line: EtcdLine, config: Config): Promise<EtcdLine> {
    try {
      return await this.#resource.made(await this.#resource.tend(line), config);
    } catch {
      return this.#resource.made(await this.#resource.settled(), config);
    }
  }

  /** Tries the change, or only reads. Returns the line, and what else the next plan needs, all of one revision. */
  async #tried({ change }: CountPlan, line: EtcdLine, action: CountAction) {
    const { keys, ledger } = this.#resource;
    const own = ownKey(this.#resource, action);
    const logged = { ...keys.takesAfter(0), ...(action.do === 'trim' ? { rangeEnd: keys.take(action.upTo + 1) } : {}) };
    const look: RequestOp[] = [
      { range: own === null ? { ...logged, countOnly: true } : { key: own } },
      { range: keys.all },
    ];
    const isNew = own === null ? [] : [isAbsent(own)];
    const txn = change && {
      compare: [isUnchanged(keys, line), ...isNew],
      success: [...change, timeOp(keys, this.#resource.now()), { range: keys.all }],
      failure: look,
    };
    const answer = await this.#sent(txn ?? { success: look }, action);
    if (answer === null) return { isDone: false, line: await ledger.read(), known: { own: null, logged: 0 } };
    const { header, succeeded, responses } = answer;
    const isDone = txn !== null && succeeded;
    const read = ledger.accept(header.revision, kvsIn(responses, responses.length - 1));
    const range = isDone ? undefined : responses[0]?.range;
    const known = { own: range?.kvs[0]?.value.toString() ?? null, logged: range?.count ?? 0 };
    return { isDone, line: read, known };
  }

  /** Null: it may have been done, and the next look shows whether. Only a take without an id must not be sent twice: its own request id shows it. */
  async #sent(
    request: Parameters<EtcdResource['parts']['client']['txn']>[0],
    action: CountAction,
  ): Promise<TxnResponse | null> {
    const isRepeatable = action.do !== 'take' || action.id !== null;
    try {
      return await this.#resource.parts.client.txn(request, { isRepeatable });
    } catch (error) {
      if (isRepeatable || !isEtcd(error, 'UNSURE')) throw error;
      return null;
    }
  }

  async #sweep(action: CountAction, { answer }: CountPlan, line: EtcdLine): Promise<void> {
    if (action.do === 'load') return this.#sweepLoads();
    if (action.do !== 'take' || !isTaken(answer)) return;
    if (!isToSweep(answer.sequence, REMEMBERED_IDS)) return;
    const { keys, parts } = this.#resource;
    const { trimmedTo = 0, logged = 0 } = line.state?.takes ?? {};
    const oldest = answer.sequence - REMEMBERED_IDS;
    const upTo = logged > 0 ? Math.min(oldest, trimmedTo) : oldest;
    await forgetIds(parts.client, keys.idsUpTo(upTo), (id) => keys.takeId(id));
  }

  async #sweepLoads(): Promise<void> {
    const { keys, parts } = this.#resource;
    const { kvs } = await parts.client.range({
      ...keys.loads,
      keysOnly: true,
      sortTarget: 'create',
      sortOrder: 'ascend',
    });
    for (const { key } of kvs.slice(0, Math.max(0, kvs.length - REMEMBERED_LOADS)))
      await parts.client.deleteRange({ key }, { isRepeatable: true });
  }
}

function ownKey({ keys }: EtcdResource, action: CountAction): string | null {
  if (action.do === 'load') return keys.loadId(action.id);
  return action.do === 'take' && action.id !== null ? keys.takeId(action.id) : null;
}

function pagesOf(after: number, limit: number): TakesRange[] {
  const pages: TakesRange[] = [];
  for (let rest = limit; rest > 0; rest -= PAGE) pages.push({ after, limit: Math.min(rest, PAGE) });
  return pages;
}

function kvsIn(responses: TxnResponse['responses'], at: number): readonly KeyValue[] {
  const range = responses[at]?.range;
  if (range === undefined) throw new RangeError('a transaction was answered without what it was to read');
  return range.kvs;
}
