import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { Lock } from 'lockstep';
import { type Back, HotCounter, type TableOptions } from 'lockstep/hot';
import { expect } from 'vitest';
import type { BuyerOptions } from '../../fixtures/programs/hot-buyer.ts';
import type { WriterOptions } from '../../fixtures/programs/hot-writer.ts';
import { fixture } from '../support/process-rig.ts';
import type { HotRig } from './hot-rig.ts';

export interface Report {
  is: 'ready' | 'written' | 'trouble' | 'ended' | 'failed';
  cursor?: number;
  token?: number;
  code?: string;
  message?: string;
}

/** A process of the sale, and what it reports. */
export class Party<T> {
  readonly pid: number;
  readonly reports: T[] = [];
  readonly ended: Promise<[number | null, NodeJS.Signals | null]>;
  readonly #child: ChildProcess;
  #isOver = false;
  #onChange: Array<() => void> = [];

  constructor(program: string, options: object) {
    this.#child = fork(fixture(program), [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.pid = this.#child.pid ?? 0;
    this.#child.on('message', (report) => {
      this.reports.push(report as T);
      this.#changed();
    });
    this.ended = once(this.#child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    void this.ended.then(() => {
      this.#isOver = true;
      this.#changed();
    });
  }

  /** Resolves to the first report, past or to come, for which this holds. Rejects if it ends without. */
  async reported(holds: (report: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.reports.find(holds);
      if (found !== undefined) return found;
      if (this.#isOver) throw new Error(`it ended without that report: ${JSON.stringify(this.reports.slice(-5))}`);
      await new Promise<void>((resolve) => this.#onChange.push(resolve));
    }
  }

  say(message: string): void {
    if (this.#child.connected) this.#child.send(message);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const resolve of waiting) resolve();
  }
}

export interface SaleOptions {
  tickets: number;
  /** Default: the journal. */
  hot?: string;
  /** Where writers write to: a file, or a URL. */
  place: string;
  maxLog: number;
  /** Whether buyers ask for each seventh sale once more. Default: they do. */
  asksTwice?: boolean;
  /** Of a database server, whose other tests have others. */
  tables?: TableOptions;
}

/** Eight processes that buy all that there is, and two independent records of it: their own notes, and the database. */
export class Sale {
  readonly name = 'show-7';
  readonly rig: HotRig;
  readonly back: Back;
  readonly counter: HotCounter;
  /** Of the writers. */
  readonly lock: Lock;
  readonly #options: SaleOptions;
  readonly #parties: Array<Party<unknown>> = [];
  #buyers: Array<Party<string>> = [];

  /** @param back a connection of the test's own to `place` */
  constructor(rig: HotRig, back: Back, options: SaleOptions) {
    this.rig = rig;
    this.back = back;
    this.#options = options;
    const { hot } = options;
    this.lock = new Lock(`hot/${this.name}`, { store: rig.store });
    this.counter = rig.keep(
      new HotCounter(this.name, { store: rig.store, back, ...(hot === undefined ? {} : { hot }) }),
    );
  }

  /** Loads the tickets, and lets the buyers begin at once. */
  async begin(): Promise<void> {
    const { tickets, hot, maxLog, asksTwice = true } = this.#options;
    await this.counter.load(tickets, { id: 'opening' });
    this.#buyers = Array.from({ length: 8 }, (_, number) => {
      const options: BuyerOptions = {
        ...{
          name: this.name,
          store: this.rig.store,
          person: `p${number}`,
          notes: this.#notes(number),
          maxLog,
          asksTwice,
        },
        ...(hot === undefined ? {} : { hot }),
      };
      fs.writeFileSync(options.notes, '');
      return this.#party<string>('hot-buyer', options);
    });
    await Promise.all(this.#buyers.map((buyer) => buyer.reported((report) => report === 'ready')));
    for (const buyer of this.#buyers) buyer.say('go');
  }

  writer(options: Partial<WriterOptions> = {}): Party<Report> {
    const { hot, place, tables } = this.#options;
    const all = {
      name: this.name,
      store: this.rig.store,
      back: place,
      tables,
      ...(hot === undefined ? {} : { hot }),
      ...options,
    };
    return this.#party<Report>('hot-writer', all);
  }

  /** Resolves when a buyer has reported that. */
  async buyersReport(code: string): Promise<void> {
    await Promise.race(this.#buyers.map((buyer) => buyer.reported((report) => report === code)));
  }

  async soldOut(): Promise<void> {
    for (const { ended } of this.#buyers) expect(await ended).toEqual([0, null]);
  }

  /** What the buyers were told: the sequence by id. */
  notes(): Map<string, number> {
    const lines = this.#buyers.flatMap((_, number) => fs.readFileSync(this.#notes(number), 'utf8').split('\n'));
    return new Map(lines.filter(Boolean).map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
  }

  /** What the database has: the sequence by id. */
  async orders(): Promise<Map<string, number>> {
    const orders = await this.back.orders(this.name, 1_000_000);
    expect(new Set(orders.map(({ id }) => id)).size).toBe(orders.length);
    return new Map(orders.map(({ id, sequence }) => [id, sequence]));
  }

  /** Each ticket was sold once, and what was confirmed is what the database has, no more and no less. */
  async checkExact(): Promise<void> {
    const { tickets } = this.#options;
    expect(await this.back.read(this.name)).toMatchObject({ count: 0, loaded: tickets, duplicates: 0 });
    const [notes, orders] = [this.notes(), await this.orders()];
    expect(orders.size).toBe(tickets);
    expect(new Set(notes.values()).size).toBe(tickets);
    expect([...notes].sort()).toEqual([...orders].sort());
  }

  async end(): Promise<void> {
    for (const party of this.#parties) party.kill('SIGKILL');
    await Promise.all(this.#parties.map(({ ended }) => ended));
  }

  #notes(number: number): string {
    return this.rig.path(`notes-${number}`);
  }

  #party<T>(program: string, options: object): Party<T> {
    const party = new Party<T>(program, options);
    this.#parties.push(party as Party<unknown>);
    return party;
  }
}
