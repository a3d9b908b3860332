import prettyMs from 'pretty-ms';
import { nodeHost } from '../../../lib/host/node-host.ts';
import { type Run, runFile } from '../../../lib/jobs/record-format.ts';
import type { ObservedRun } from '../../../lib/jobs/run-log.ts';
import { requestStop } from '../../../lib/jobs/stop-request.ts';
import type { Lease } from '../../../lib/primitives/lease.ts';
import { whyGone } from '../../../lib/session/liveness.ts';
import { holdersIn } from '../../../lib/store/holders.ts';
import type { EntryView } from '../../../lib/store/store.ts';
import { describeHolders } from '../../access/acquisition.ts';
import type { Requested } from '../../access/target.ts';
import { later } from '../../args/duration.ts';
import { say } from '../../output/exit.ts';
import { endOfWait, type JobEnd } from './outcome.ts';
import type { JobRun } from './run.ts';
import { Stopped } from './stop.ts';

/** How often it looks whom to ask. */
const LOOK_MS = 250;
/** How long, beyond the time that an ended run has for its own end, until it is given up. */
const PATIENCE_MS = 30_000;

/**
 * `--overlap replace`: waits in line as everybody does, and asks the runs in the way to end. As each of them ends its own command
 * before it gives the lock back, two never run at once. Of several who do this, the newest is left: so many as the job has permits.
 */
export class Takeover {
  readonly #run: JobRun;
  readonly #wanted: Requested;
  /** Those that had the lock before we came. Older ones, whenever they were started. */
  #early: ReadonlySet<string> = new Set();
  /** Runs that are over, by the name of their files: need not be read again. */
  readonly #over = new Set<string>();
  readonly #asked = new Set<string>();
  #told = false;

  constructor(run: JobRun, wanted: Requested) {
    this.#run = run;
    this.#wanted = wanted;
  }

  /** @throws {Stopped} (rejects) if a newer run replaces this one first */
  async lease(): Promise<Lease | JobEnd> {
    const { plan, stop } = this.#run;
    const others = this.#others();
    this.#early = new Set(others.filter(({ run }) => run.acquiredAt !== null).map(({ run }) => run.key));
    const ends = others.map(({ run }) => run.plan.killAfterMs);
    const timeout = plan.waitMs ?? Math.max(plan.record.killAfterMs, ...ends) + PATIENCE_MS;
    const asking = this.#askOnAndOn();
    try {
      return await this.#wanted.acquire({ label: plan.label, timeout, signal: stop.signal });
    } catch (error) {
      const end = endOfWait(error, await this.#whyNot(timeout), this.#others()[0]?.run.key ?? '');
      if (end) return end;
      throw error;
    } finally {
      asking();
    }
  }

  /** Returns what stops it. */
  #askOnAndOn(): () => void {
    let isOver = false;
    let cancel = (): void => undefined;
    const look = async (): Promise<void> => {
      await this.#ask().catch((error: Error) => this.#tellOnce(error));
      if (!isOver) cancel = later(LOOK_MS, () => void look());
    };
    void look();
    return () => {
      isOver = true;
      cancel();
    };
  }

  /** It asks again at the next look. That this run is to end itself is told by its end. */
  #tellOnce(error: Error): void {
    if (error instanceof Stopped || this.#told) return;
    this.#told = true;
    say(`${this.#run.plan.name}: cannot ask the run that is there to end: ${error.message}`);
  }

  async #ask(): Promise<void> {
    const entries = (await this.#wanted.inspect())?.entries ?? [];
    const others = this.#others();
    // Whom a newer run has replaced asks nobody any more.
    this.#run.check();
    for (const victim of this.#victims(others, entries)) {
      const isNew = requestStop(nodeHost, this.#run.directory, victim, this.#run.request);
      if (isNew && this.#run.plan.verbose)
        say(`${this.#run.plan.name}: asked the run of pid ${victim.facts.pid} to end`);
      this.#asked.add(victim.key);
    }
  }

  /** The oldest of those that can be asked: so many that the newest have room, this one among them. */
  #victims(others: readonly ObservedRun[], entries: readonly EntryView[]): Run[] {
    const askable = others.map(({ run }) => run).filter((run) => hasWrapper(run, this.#run.directory.local));
    const older = askable.filter((run) => this.#isOlder(run)).sort((a, b) => (runFile(a) < runFile(b) ? -1 : 1));
    const inTheWay = entries.filter((entry) => entry.state === 'holding' && !askable.some((run) => isOf(entry, run)));
    const room = this.#run.plan.record.permits - inTheWay.length - (askable.length - older.length) - 1;
    return older.slice(0, Math.max(0, older.length - Math.max(0, room))).filter(({ key }) => !this.#asked.has(key));
  }

  #isOlder(other: Run): boolean {
    return this.#early.has(other.key) || runFile(other) < runFile(this.#run.start);
  }

  /** The other runs that are not over, the newest first. */
  #others(): ObservedRun[] {
    const { history, start } = this.#run;
    const live: ObservedRun[] = [];
    for (const run of history.each(start.job, (file) => this.#over.has(file))) {
      const observed = history.observe(run);
      if (observed.state === 'ended') this.#over.add(runFile(run));
      else if (observed.state !== 'lost' && run.key !== start.key) live.push(observed);
    }
    return live;
  }

  async #whyNot(timeoutMs: number): Promise<string> {
    const line = await this.#wanted.inspect();
    const within = `not taken over within ${prettyMs(timeoutMs)}`;
    const others = this.#others().map(({ run }) => run);
    const reasons = (line?.entries ?? [])
      .filter(({ state }) => state === 'holding')
      .map((entry) => whyKept(entry, others, this.#run));
    const held = describeHolders(holdersIn(line));
    return `${within}${held === '' ? '' : `: held by ${held}`}${reasons.length === 0 ? '' : `; ${[...new Set(reasons)].join('; ')}`}`;
  }
}

function whyKept(entry: EntryView, others: readonly Run[], { directory }: JobRun): string {
  const run = others.find((other) => isOf(entry, other));
  if (!run) return 'that is no run of a job, so it cannot be asked to end';
  if (hasWrapper(run, directory.local)) return 'it was asked to end, and has not ended';
  return `its \`lockstep job\` is gone, so nobody is left to end its command (pid ${run.attempts.at(-1)?.facts.pid}): end it yourself`;
}

/** Whether the process that can end a run's command is there, for all that is known. */
function hasWrapper({ facts }: Run, local: boolean): boolean {
  return typeof whyGone(nodeHost.processes, facts, local) !== 'string';
}

/** Whether an entry in the line is a run's: its own session's, or its command's. */
function isOf({ owners }: EntryView, { facts, attempts }: Run): boolean {
  const own = [facts, ...attempts.map((attempt) => attempt.facts)];
  return owners.some(({ pid, host }) => own.some((one) => one.pid === pid && one.host === host));
}
