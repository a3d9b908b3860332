import { Queue, type QueueItem, type Store } from '../../../lib/index.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { parseDuration, patienceOf } from '../../args/duration.ts';
import { commandEnd } from '../../child/end.ts';
import { environmentOf } from '../../child/environment.ts';
import { forwardSignals } from '../../child/signals.ts';
import { startCommand } from '../../child/start.ts';
import { CANNOT_RUN, statusOfSignal } from '../../child/status.ts';
import { checkRunnable, wordsOf } from '../../child/words.ts';
import { Exit, say } from '../../output/exit.ts';
import { type QueueArguments, textOf } from './queue-arguments.ts';

/** Takes item after item, and runs the command with each, until it is asked to end, or nothing comes within the time. */
export async function runEach(queue: Queue<unknown>, store: Store, args: QueueArguments): Promise<void> {
  const runner = new Runner(queue, store, args);
  await runner.run();
}

class Runner {
  readonly #queue: Queue<unknown>;
  /** Where items go whose attempts were all in vain. */
  readonly #failed: Queue<unknown>;
  readonly #store: Store;
  readonly #words: readonly string[];
  readonly #attempts: number;
  readonly #killAfterMs: number;
  readonly #timeoutMs: number;
  readonly #asked = new AbortController();
  #child: { kill(signal: NodeJS.Signals): void } | null = null;

  constructor(queue: Queue<unknown>, store: Store, args: QueueArguments) {
    this.#words = wordsOf({ words: args.words ?? null }, 'queue');
    checkRunnable(this.#words, (why) => `queue: ${why}`);
    this.#queue = queue;
    this.#store = store;
    this.#failed = new Queue(`${args.name}.failed`, { store });
    this.#attempts = args.attempts;
    this.#killAfterMs = parseDuration(args.killAfter, '--kill-after');
    this.#timeoutMs = patienceOf(args);
  }

  async run(): Promise<void> {
    const forwarding = forwardSignals({ kill: (signal) => this.#child?.kill(signal) });
    const ends = () => {
      if (forwarding.asked.length > 0) this.#asked.abort();
    };
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, ends);
    const { signal } = this.#asked;
    while (!signal.aborted) {
      const item = await this.#next(signal);
      if (item === null) break;
      await this.#handle(item, forwarding);
    }
    const [first] = forwarding.asked;
    if (first !== undefined) throw new Exit(statusOfSignal(first));
  }

  /** Null if none came within the time, or a signal asked for an end. */
  async #next(signal: AbortSignal): Promise<QueueItem<unknown> | null> {
    const notice = WaitNotice.begin(() => this.#queue);
    try {
      return await this.#queue.get({ timeout: this.#timeoutMs, signal });
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    } finally {
      notice.end();
    }
  }

  async #handle(item: QueueItem<unknown>, forwarding: ReturnType<typeof forwardSignals>): Promise<void> {
    const { sequence, attempt } = item;
    // The processes that took it before did not live to report that.
    if (attempt > this.#attempts) return this.#putAside(item, `was taken ${attempt - 1} times, and never done`);
    const status = await this.#statusOf(item, forwarding);
    if (status === 0) return item.done();
    if (forwarding.asked.length === 0) say(`queue: item ${sequence}, attempt ${attempt}: exit code ${status}`);
    if (attempt >= this.#attempts && forwarding.asked.length === 0)
      return this.#putAside(item, `failed ${attempt === 1 ? 'once' : `${attempt} times`}`);
    return item.giveBack();
  }

  async #statusOf(item: QueueItem<unknown>, forwarding: ReturnType<typeof forwardSignals>): Promise<number> {
    const text = textOf(item);
    if (text.includes('\0')) {
      say(`queue: item ${item.sequence} has a NUL, which no command can be given`);
      return CANNOT_RUN;
    }
    const { lease } = item;
    const env = { ...process.env, ...environmentOf(lease, this.#store), LOCKSTEP_ITEM: text };
    const child = await startCommand(lease, [...this.#words, text], { env, ends: 'descendants' }, (held, adopt) => {
      this.#child = held;
      return adopt();
    });
    const options = { verb: 'queue', timeoutMs: Number.POSITIVE_INFINITY, signal: 'SIGTERM' as const };
    const rest = { killAfterMs: this.#killAfterMs, holdDescendants: false, lease };
    const { status } = await commandEnd(child, forwarding, { ...options, ...rest });
    this.#child = null;
    return status;
  }

  /** If this process is killed in between, the item is in both queues: better than in none. */
  async #putAside(item: QueueItem<unknown>, why: string): Promise<void> {
    await this.#failed.put(item.value);
    await item.done();
    say(`queue: item ${item.sequence} ${why}: moved to the queue ${this.#failed.name}`);
  }
}
