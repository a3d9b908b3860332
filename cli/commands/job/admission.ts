import prettyMs from 'pretty-ms';
import type { Lease, Standing } from '../../../lib/index.ts';
import { holdersIn } from '../../../lib/internal.ts';
import { sayAcquired } from '../../access/acquisition.ts';
import { describeHolders, holdersWords } from '../../access/holder-words.ts';
import type { Requested } from '../../access/target.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { say } from '../../output/exit.ts';
import { stayInterpreted } from '../../startup/interpreted.ts';
import { endOfWait, type JobEnd } from './end.ts';
import type { OtherRuns } from './others.ts';
import type { JobPlan } from './plan.ts';
import type { Stop } from './stop.ts';
import { Takeover } from './takeover.ts';

/** How a run gets the job's lock, as `--overlap` asks for it. */
export class Admission {
  readonly #plan: JobPlan;
  readonly #wanted: Requested;
  readonly #others: OtherRuns;
  readonly #stop: Stop;

  constructor(plan: JobPlan, wanted: Requested, others: OtherRuns, stop: Stop) {
    this.#plan = plan;
    this.#wanted = wanted;
    this.#others = others;
    this.#stop = stop;
  }

  /** Resolves to the lease, or to the end of a run that does not get it. @throws {Stopped} (rejects) */
  async lease(): Promise<Lease | JobEnd> {
    const { label, verbose, recorded } = this.#plan;
    const began = performance.now();
    const overlaps = { skip: () => this.#skip(), wait: () => this.#wait(), replace: () => this.#replace() };
    const admitted = (await this.#wanted.tryAcquire({ label })) ?? (await overlaps[recorded.overlap]());
    if (verbose && !('outcome' in admitted)) sayAcquired(admitted, performance.now() - began);
    return admitted;
  }

  /** Once in a row of skips, the message that the run in the way is stuck is news. */
  async #skip(): Promise<JobEnd> {
    const holders = holdersIn(await this.#wanted.inspect());
    const before = this.#others.skips();
    const now = Date.now();
    const stuck = (await import('./stuck.ts')).whyStuck(this.#others, now);
    const reason = stuck?.isSilent ? stuck.words : '';
    const why = stuck === null ? '' : `; the job is stuck: ${stuck.words}`;
    return {
      outcome: 'skipped',
      code: this.#plan.skippedCode,
      reason,
      by: this.#others.holderKey(),
      skips: { count: (before.row?.count ?? 0) + 1, since: before.row?.since ?? now },
      isNews: reason !== '' && (before.newest?.ended?.reason ?? '') === '',
      message: `skipped: ${whyNow(holders, this.#wanted.foreignWords)}${why}`,
    };
  }

  async #wait(): Promise<Lease | JobEnd> {
    const { label, waitMs, name, verbose, quiet } = this.#plan;
    const timeout = waitMs ?? Number.POSITIVE_INFINITY;
    stayInterpreted();
    if (verbose) say(`${name}: waiting; ${await this.#inTheWay()}`);
    const notice = WaitNotice.begin(() => this.#wanted, { quiet });
    try {
      return await this.#wanted.acquire({ label, timeout, signal: this.#stop.signal });
    } catch (error) {
      const holders = await this.#inTheWay();
      const why = `not acquired within ${prettyMs(waitMs ?? 0)}${holders === '' ? '' : `: ${holders}`}`;
      const end = endOfWait(error, why, this.#others.holderKey());
      if (end) return end;
      throw error;
    } finally {
      notice.end();
    }
  }

  #replace(): Promise<Lease | JobEnd> {
    stayInterpreted();
    return new Takeover(this.#plan, this.#wanted, this.#others, this.#stop).lease();
  }

  async #inTheWay(): Promise<string> {
    return holdersWords(holdersIn(await this.#wanted.inspect()), this.#wanted.foreignWords);
  }
}

/** In line nobody is before it: then a program without Lockstep is. */
function whyNow(holders: readonly Standing[], foreign: string | null): string {
  if (holders.length > 0) return `another run is there: ${describeHolders(holders)}`;
  return foreign === null ? 'another run is there' : holdersWords(holders, foreign);
}
