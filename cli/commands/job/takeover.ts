import prettyMs from 'pretty-ms';
import type { EntryView, Lease } from '../../../lib/index.ts';
import { holdersIn, later, runFile } from '../../../lib/internal.ts';
import type { Run } from '../../../lib/jobs/index.ts';
import { describeHolders } from '../../access/acquisition.ts';
import type { Requested } from '../../access/target.ts';
import { say } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { endOfWait, type JobEnd } from './end.ts';
import type { OtherRuns } from './others.ts';
import type { JobPlan } from './plan.ts';
import { type Stop, Stopped } from './stop.ts';

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
  /** The keys of the runs that had a permit before this run came: they count as older, whenever they started. */
  #early: ReadonlySet<string> = new Set();
  readonly #requested = new Set<string>();
  #hasReported = false;

  constructor(plan: JobPlan, wanted: Requested, others: OtherRuns, stop: Stop) {
    this.#plan = plan;
    this.#wanted = wanted;
    this.#others = others;
    this.#stop = stop;
  }

  /** @throws {Stopped} (rejects) if a newer run replaces this one first */
  async lease(): Promise<Lease | JobEnd> {
    const { waitMs, recorded, label } = this.#plan;
    const others = this.#live();
    this.#early = new Set(others.filter(({ acquiredAt }) => acquiredAt !== null).map(({ key }) => key));
    const ends = others.map(({ plan }) => plan.killAfterMs);
    const timeout = waitMs ?? Math.max(recorded.killAfterMs, ...ends) + PATIENCE_MS;
    const cancel = this.#requestRepeatedly();
    try {
      return await this.#wanted.acquire({ label, timeout, signal: this.#stop.signal });
    } catch (error) {
      const end = endOfWait(error, await this.#whyNot(timeout), this.#live()[0]?.key ?? '');
      if (end) return end;
      throw error;
    } finally {
      cancel();
    }
  }

  /** Returns the cancellation. */
  #requestRepeatedly(): () => void {
    let isOver = false;
    let cancel = (): void => undefined;
    const look = async (): Promise<void> => {
      await this.#requestStops().catch((error: Error) => this.#reportOnce(error));
      if (!isOver) cancel = later(LOOK_MS, () => void look());
    };
    void look();
    return () => {
      isOver = true;
      cancel();
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
    const others = this.#live();
    // A run that a newer one has replaced makes no more requests.
    this.#stop.poll();
    for (const victim of this.#victims(others, entries)) {
      const isNew = this.#others.requestStop(victim);
      if (isNew && this.#plan.verbose) say(`${this.#plan.name}: asked the run of pid ${victim.facts.pid} to end`);
      this.#requested.add(victim.key);
    }
  }

  /** The oldest of the runs that can be stopped: so many that the newest have room, this one among them. */
  #victims(others: readonly Run[], entries: readonly EntryView[]): Run[] {
    const stoppable = others.filter((run) => this.#others.hasWrapper(run));
    const older = stoppable.filter((run) => this.#isOlder(run)).sort((a, b) => (runFile(a) < runFile(b) ? -1 : 1));
    const inTheWay = entries.filter(
      (entry) => entry.state === 'holding' && !stoppable.some((run) => isEntryOf(entry, run)),
    );
    const room = this.#plan.recorded.permits - inTheWay.length - (stoppable.length - older.length) - 1;
    const victims = older.slice(0, Math.max(0, older.length - Math.max(0, room)));
    return victims.filter(({ key }) => !this.#requested.has(key));
  }

  #isOlder(other: Run): boolean {
    return this.#early.has(other.key) || this.#others.isOlder(other);
  }

  #live(): Run[] {
    return [...this.#others.live()].map(({ run }) => run);
  }

  async #whyNot(timeoutMs: number): Promise<string> {
    const line = await this.#wanted.inspect();
    const others = this.#live();
    const holding = (line?.entries ?? []).filter(({ state }) => state === 'holding');
    const reasons = new Set(holding.map((entry) => this.#whyKept(entry, others)));
    const held = describeHolders(holdersIn(line));
    return [`not taken over within ${prettyMs(timeoutMs)}${held === '' ? '' : `: held by ${held}`}`, ...reasons].join(
      '; ',
    );
  }

  #whyKept(entry: EntryView, others: readonly Run[]): string {
    const run = others.find((other) => isEntryOf(entry, other));
    if (!run) return 'that is no run of a job, so it cannot be asked to end';
    if (this.#others.hasWrapper(run)) return 'it was asked to end, and has not ended';
    return `its \`lockstep job\` is gone, so nobody is left to end its command (pid ${run.attempts.at(-1)?.facts.pid}): end it yourself`;
  }
}

/** Whether an entry belongs to a run: one of its owners is the run's wrapper, or one of its commands. */
function isEntryOf({ owners }: EntryView, { facts, attempts }: Run): boolean {
  const own = [facts, ...attempts.map((attempt) => attempt.facts)];
  return owners.some(({ pid, host }) => own.some((one) => one.pid === pid && one.host === host));
}
