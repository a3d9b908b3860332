import prettyMs from 'pretty-ms';
import type { EntryView, Lease } from '../../../lib/index.ts';
import { holdersIn, later, nodeHost } from '../../../lib/internal.ts';
import type { ObservedRun, Run } from '../../../lib/jobs/index.ts';
import { holdersWords } from '../../access/holder-words.ts';
import type { Requested } from '../../access/target.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { say } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { endOfWait, type JobEnd } from './end.ts';
import type { OtherRuns } from './others.ts';
import type { JobPlan } from './plan.ts';
import { isEntryOf } from './run-entry.ts';
import { type Stop, Stopped } from './stop.ts';
import { canBeStopped, heldIn, victimsIn } from './victims.ts';

/** How often the takeover looks for runs to stop. */
const LOOK_MS = 250;
/** How much longer it waits than the time that a stopped run has to end its command. */
const PATIENCE_MS = 30_000;

/**
 * `--overlap replace`: waits in line like every run, and requests the runs in its way to stop. Each of them ends its own command
 * before it releases the lock, so two never run at once. Of several such runs the newest stay: as many as the job has permits.
 */
export class Takeover {
  readonly #plan: JobPlan;
  readonly #wanted: Requested;
  readonly #others: OtherRuns;
  readonly #stop: Stop;
  readonly #requested = new Set<string>();
  #hasReported = false;
  /** It has its permit, or has given up. */
  #isOver = false;

  constructor(plan: JobPlan, wanted: Requested, others: OtherRuns, stop: Stop) {
    this.#plan = plan;
    this.#wanted = wanted;
    this.#others = others;
    this.#stop = stop;
  }

  /** @throws {Stopped} (rejects) if a newer run replaces this one first */
  async lease(): Promise<Lease | JobEnd> {
    const { waitMs, recorded, label, quiet } = this.#plan;
    const ends = this.#live().map(({ run }) => run.plan.killAfterMs);
    const timeout = waitMs ?? Math.max(recorded.killAfterMs, ...ends) + PATIENCE_MS;
    const stopRequesting = this.#requestRepeatedly();
    const notice = WaitNotice.begin(() => this.#wanted, { quiet });
    try {
      return await this.#wanted.acquire({ label, timeout, signal: this.#stop.signal });
    } catch (error) {
      notice.end();
      const end = endOfWait(error, await this.#whyNot(timeout), this.#live()[0]?.run.key ?? '');
      if (end) return end;
      throw error;
    } finally {
      notice.end();
      await stopRequesting();
    }
  }

  /** Returns the end of it: when that resolves, no request is under way. */
  #requestRepeatedly(): () => Promise<void> {
    let cancel = (): void => undefined;
    const look = async (): Promise<void> => {
      await this.#requestStops().catch((error: Error) => this.#reportOnce(error));
      if (this.#isOver) return;
      cancel = later(LOOK_MS, () => {
        looking = look();
      });
    };
    let looking = look();
    return () => {
      this.#isOver = true;
      cancel();
      return looking;
    };
  }

  /** The next look tries again. If this run itself is to stop, its end reports that. */
  #reportOnce(error: Error): void {
    if (error instanceof Stopped || this.#hasReported) return;
    this.#hasReported = true;
    say(`${this.#plan.name}: cannot ask the run that is there to end: ${messageWithRemedy(error)}`);
  }

  async #requestStops(): Promise<void> {
    const entries = (await this.#wanted.inspect())?.entries ?? [];
    await this.#others.fetch();
    const runs = this.#live();
    // A run that a newer one has replaced makes no more requests.
    this.#stop.poll();
    if (this.#isOver) return;
    for (const victim of this.#victims(runs, entries)) {
      const isNew = await this.#others.requestStop(victim);
      if (isNew && this.#plan.verbose)
        say(`${this.#plan.name}: asked the run of pid ${victim.facts.pid}${where(victim)} to end`);
      this.#requested.add(victim.key);
    }
  }

  /** Without those that were requested already. */
  #victims(runs: readonly ObservedRun[], entries: readonly EntryView[]): Run[] {
    const victims = victimsIn({
      permits: this.#plan.recorded.permits,
      runs,
      entries,
      isOlder: (run) => this.#isOlder(run),
      isOfEnded: (entry) => this.#others.isOfEnded(entry),
    });
    return victims.filter(({ key }) => !this.#requested.has(key));
  }

  /**
   * A run that has its permit while this one waits was in line before it, and counts as older, whenever it started. Else nobody would
   * ask it to end:
   *   1. O starts, and is slow to record it;
   *   2. N starts, sees no older run, gets the lock, and makes no requests from now on;
   *   3. O records that it started before N, and waits for N in vain.
   * The two do not end each other: what N requests, it requests before it records that it has its permit, and O looks for a request
   * to itself after it has read that record.
   */
  #isOlder(other: Run): boolean {
    return other.acquiredAt !== null || this.#others.isOlder(other);
  }

  #live(): ObservedRun[] {
    return [...this.#others.live()];
  }

  async #whyNot(timeoutMs: number): Promise<string> {
    const line = await this.#wanted.inspect();
    const runs = this.#live();
    const kept = heldIn(line?.entries ?? []).filter((entry) => !this.#others.isOfEnded(entry));
    const reasons = new Set(kept.map((entry) => this.#whyKept(entry, runs)));
    const held = holdersWords(holdersIn(line), this.#wanted.foreignWords);
    return [`not taken over within ${prettyMs(timeoutMs)}${held === '' ? '' : `: ${held}`}`, ...reasons].join('; ');
  }

  #whyKept(entry: EntryView, runs: readonly ObservedRun[]): string {
    const observed = runs.find(({ run }) => isEntryOf(entry, run));
    if (!observed) return 'that is no run of a job, so it cannot be asked to end';
    const { run } = observed;
    if (this.#others.isOutOfReach(observed)) return `it runs on ${run.facts.host}, and can be asked to end only there`;
    if (canBeStopped(observed)) return 'it was asked to end, and has not ended';
    return `its \`lockstep job\` is gone, so nobody is left to end its command (pid ${run.attempts.at(-1)?.facts.pid}): end it yourself`;
  }
}

function where({ facts: { host } }: Run): string {
  return host === nodeHost.processes.self().host ? '' : ` on ${host}`;
}
