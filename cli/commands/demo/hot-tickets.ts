import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { HotCounter, hasPassword } from '../../../lib/hot/index.ts';
import { UsageError } from '../../output/exit.ts';
import { Progress } from './progress.ts';
import type { Conclusion, Demo } from './scene.ts';
import { PEOPLE, passLines } from './stage.ts';

export interface HotDemoArguments {
  hotStore?: string | undefined;
  back?: string | undefined;
  tickets: number;
}

const MOST_TICKETS = 1_000_000;
const LOOK_MS = 50;

/** Ten processes sell thousands of tickets, another one writes them back and is killed, and the database is right at the end. */
export function hotTickets(args: HotDemoArguments): Demo {
  const { hotStore = '', tickets } = checked(args);
  return {
    about: `${PEOPLE} buyers, each of them a process, buy ${tickets} tickets as fast as they can, and a writer brings the sales into a database meanwhile. Halfway the writer is killed, and the next one in line goes on where it stopped.`,
    async run(stage, print) {
      const back = args.back ?? path.join(stage.directory, 'shop.sqlite');
      // A server may have counts of others.
      const name = `show-${randomUUID().slice(0, 8)}`;
      const hot = hotStore === '' ? {} : { hot: hotStore };
      const counter = new HotCounter(name, { store: stage.store, back, ...hot });
      const sale = new HotSale(counter, () => stage.start('hot-writer', [name, back, hotStore], true));
      try {
        await counter.load(tickets, { id: 'opening' });
        const bought = await sale.run(tickets, print, (onLine) =>
          stage.together('hot-buyer', (person) => [name, person, hotStore], onLine),
        );
        return await concluded(counter, { tickets, bought, seconds: sale.seconds });
      } finally {
        await sale.end();
        await counter.close();
      }
    },
  };
}

/** The buyers, two writers, and the progress of the sale. */
class HotSale {
  seconds = 0;
  readonly #counter: HotCounter;
  readonly #startWriter: () => ChildProcess;
  #writers: ChildProcess[] = [];
  #written = 0;

  /** @param startWriter starts a process that prints, for each transaction, up to which sale it has written */
  constructor(counter: HotCounter, startWriter: () => ChildProcess) {
    this.#counter = counter;
    this.#startWriter = startWriter;
  }

  /** Resolves to how many the buyers have by their own words. */
  async run(
    tickets: number,
    print: (line: string) => void,
    buy: (onLine: (line: string) => void) => Promise<void>,
  ): Promise<number> {
    const writing = await this.#startWriters();
    const lines: string[] = [];
    let isOver = false;
    const buyers = buy((line) => lines.push(line)).finally(() => {
      isOver = true;
    });
    // It is awaited below.
    buyers.catch(() => undefined);
    const progress = new Progress(tickets);
    let wasKilled = false;
    while (!isOver) {
      const { lastSequence } = await this.#counter.look();
      progress.show(lastSequence, this.#written);
      if (!wasKilled && lastSequence >= tickets / 2) {
        writing.kill('SIGKILL');
        const sold = `${lastSequence} are sold, and ${this.#written} in the database`;
        progress.say(`the writer is killed: ${sold}; the next one in line goes on`);
        wasKilled = true;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    await buyers;
    this.seconds = progress.seconds;
    progress.end();
    for (const line of lines) print(line);
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async end(): Promise<void> {
    for (const writer of this.#writers) {
      if (writer.exitCode !== null || writer.signalCode !== null) continue;
      const ended = once(writer, 'close');
      writer.kill('SIGKILL');
      await ended;
    }
  }

  /** Starts two: one writes, the other one waits in line. Resolves to the first, once it has written the load. */
  async #startWriters(): Promise<ChildProcess> {
    const first = this.#startOne();
    await Promise.race([first.begun, once(first.writer, 'close')]);
    this.#startOne();
    return first.writer;
  }

  #startOne(): { writer: ChildProcess; begun: Promise<void> } {
    const writer = this.#startWriter();
    this.#writers.push(writer);
    const begun = new Promise<void>((resolve) => {
      passLines(writer, (line) => {
        this.#written = Math.max(this.#written, Number(line));
        resolve();
      });
    });
    return { writer, begun };
  }
}

/** Compares the orders in the database at the end with the tickets that the buyers got. */
async function concluded(
  counter: HotCounter,
  sale: { tickets: number; bought: number; seconds: number },
): Promise<Conclusion> {
  const { tickets, bought, seconds } = sale;
  const { count, cursor, duplicates } = await counter.flush();
  const orders = await counter.orders(tickets + 1);
  const ids = new Set(orders.map(({ id }) => id)).size;
  const rate = seconds > 0 ? `, ${Math.round(tickets / seconds)} a second` : '';
  const over = bought > tickets ? `${bought - tickets} oversold` : 'none oversold';
  const once = orders.length === ids && duplicates === 0 ? ', each of them once' : ', some of them more than once';
  return {
    text: `${tickets} tickets, ${PEOPLE} buyers: ${bought} sold${rate}, ${over}; the database says ${count} left, and has ${ids} orders${once}.`,
    isRight:
      bought === tickets &&
      count === 0 &&
      ids === tickets &&
      orders.length === ids &&
      duplicates === 0 &&
      cursor === tickets,
  };
}

/** @throws {UsageError} */
function checked(args: HotDemoArguments): HotDemoArguments {
  const { tickets, hotStore, back } = args;
  if (!Number.isInteger(tickets) || tickets < PEOPLE || tickets > MOST_TICKETS)
    throw new UsageError(`--tickets takes a whole number from ${PEOPLE} to ${MOST_TICKETS}, not ${tickets}`);
  for (const [option, place] of Object.entries({ 'hot-store': hotStore, back }))
    if (place !== undefined && hasPassword(place))
      throw new UsageError(
        `--${option} has a password in it, which everybody can read in the list of processes. Put it into the environment instead: see lockstep hot --help`,
      );
  return args;
}
