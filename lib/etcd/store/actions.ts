import type { Config } from '../../line/config.ts';
import type { EtcdLine } from './etcd-line.ts';
import { type EtcdResource, MAX_ROUNDS } from './etcd-resource.ts';
import { type GateAction, type Plan, planOf } from './gate-action.ts';
import { timeOp } from './line-ledger.ts';
import { isEtcd, tooBusy } from './store-failure.ts';

/** Actions on a name's line from outside of it: each is one change, so each is done or not. */
export class Actions {
  readonly #resource: EtcdResource;
  readonly #config: Config;

  constructor(resource: EtcdResource, config: Config) {
    this.#resource = resource;
    this.#config = config;
  }

  /** Null: it is for another kind; then the name is made all the same. `isForLiving`: the dead are evicted first. */
  async take(action: GateAction | null, isForLiving: boolean, base: number): Promise<number | null> {
    const { ledger, judge } = this.#resource;
    const line = await this.#made(await ledger.known());
    if (isForLiving) await this.#resource.expel((found) => judge.among(found.entries));
    if (action === null) return null;
    return this.#repeat(inPlaces(action, base), ledger.line ?? line);
  }

  /** A line that was read earlier may be another kind's by now. */
  async #made(line: EtcdLine): Promise<EtcdLine> {
    try {
      return await this.#resource.made(line, this.#config);
    } catch {
      return this.#resource.made(await this.#resource.ledger.read(), this.#config);
    }
  }

  async #repeat(action: GateAction, first: EtcdLine): Promise<number | null> {
    const { name, parts, ledger } = this.#resource;
    const id = parts.session.nextId();
    let [line, isNew, sum] = [first, false, 0];
    for (let round = 0; round < MAX_ROUNDS; round++) {
      line = await this.#resource.tend(await this.#made(line));
      const done = line.state?.done.find(([one]) => one === id)?.[1];
      if (done !== undefined) return done;
      if (line.state === null) continue;
      const plan = planOf(this.#resource.keys, line, line.state, action, id);
      if (plan.change === null && isNew) return plan.result === null ? null : sum + Number(plan.result);
      const next = plan.change === null ? { isDone: false, line: await ledger.read() } : await this.#change(plan);
      if (next.isDone) {
        const result = resultOf(plan, line, next.line);
        if (!plan.isPartial) return result === null ? null : sum + result;
        sum += result ?? 0;
      }
      [line, isNew] = [next.line, true];
    }
    throw tooBusy(name, parts.place);
  }

  /**
   * Tries the change once. Where no answer comes, the next round looks: a request that was done has left its id, unless
   * it is one whose repetition does no harm; one that is still under way compares what the next one changes.
   */
  async #change({ change }: Plan): Promise<{ isDone: boolean; line: EtcdLine }> {
    const { ledger } = this.#resource;
    try {
      const { compare = [], success = [] } = change ?? {};
      const time = timeOp(ledger.keys, this.#resource.now());
      return await ledger.once({ compare, success: [...success, time] });
    } catch (error) {
      if (!isEtcd(error, 'UNSURE')) throw error;
      const line = await ledger.read().catch(() => null);
      if (line === null) throw error;
      return { isDone: false, line };
    }
  }
}

/** A ticket in an action stands for a place. */
function inPlaces(action: GateAction, base: number): GateAction {
  return action.do === 'sweep' ? { ...action, ticket: action.ticket - base } : action;
}

function resultOf({ result }: Plan, before: EtcdLine, after: EtcdLine): number | null {
  if (result !== 'all who waited') return result;
  return after.entries.filter(({ createRevision }) => createRevision > (before.state?.letIn ?? 0)).length;
}
