import type { Host } from '../../host/host.ts';
import { countdown } from '../../time/countdown.ts';
import { parseEtcdUrl } from '../client/url.ts';
import { CommandEnd } from './command-end.ts';
import { EntryKeeper } from './entry-keeper.ts';
import type { GuardOrder } from './keeper-order.ts';

/** How often it reports to its guard that it lives. */
const ALIVE_MS = 2_000;
/** How often it checks whether the command lives while no server answers, and how long it waits for the servers at least. */
const CHECK_MS = 100;
const PATIENCE_MS = 500;
/** A session that lives has ended its command before this part of the lease's time is over, after its own time. */
const LATE_PART = 0.06;
/** A command whose entry could not be taken over has this part of the lease's time to end by itself. */
const GRACE_PART = 0.05;

/** Keeps the entry of a command whose session is gone, or ends the command, before the entry can end. */
export class CommandKeeper {
  readonly #host: Host;
  readonly #given: GuardOrder;
  readonly #report: (line: string) => void;
  readonly #ttlMs: number;
  readonly #restMs: () => number;

  constructor(host: Host, given: GuardOrder, report: (line: string) => void) {
    this.#host = host;
    this.#given = given;
    this.#report = report;
    this.#ttlMs = parseEtcdUrl(given.order.place).ttlMs;
    this.#restMs = countdown(host.clock, given.restMs);
  }

  async run(): Promise<void> {
    const { order, task } = this.#given;
    const command = new CommandEnd(this.#host, order);
    const graceMs = this.#ttlMs * GRACE_PART;
    if (task === 'keep') await this.#keep(command, graceMs);
    else if (task === 'end') await command.after(graceMs);
    else {
      await this.#pause(this.#restMs() + this.#ttlMs * LATE_PART);
      await command.after(0);
    }
    this.#report('done');
  }

  async #keep(command: CommandEnd, graceMs: number): Promise<void> {
    const keeper = new EntryKeeper(this.#host, this.#given.order);
    const taken = await Promise.race([keeper.continue(), this.#uselessness(command)]);
    const { lease } = keeper;
    if (taken !== 'kept' || lease === null) {
      // A session that was killed as it gave the entry back has left none; then the command has ended, too.
      await command.within({ endsInMs: 2 * graceMs });
      return;
    }
    this.#reportAlive(() => lease.remainingMs());
    if ((await keeper.keep()) === 'lost') await command.within({ endsInMs: keeper.restMs() });
    await keeper.end();
  }

  /** Resolves when the time is over; or when no server has answered for a while, and the command has ended: nothing is to be kept. */
  async #uselessness({ isRunning }: CommandEnd): Promise<'late'> {
    await this.#pause(Math.min(PATIENCE_MS, Math.max(0, this.#restMs())));
    while (this.#restMs() > 0 && isRunning()) await this.#pause(Math.min(CHECK_MS, Math.max(0, this.#restMs())));
    return 'late';
  }

  #reportAlive(remainingMs: () => number): void {
    this.#report(`alive ${Math.floor(remainingMs())}`);
    this.#host.clock.timer(ALIVE_MS, false, () => this.#reportAlive(remainingMs));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#host.clock.timer(ms, true, resolve));
  }
}
