import type { HotSide, HotStatus, Sale } from 'lockstep/hot';
import { expect, test } from 'vitest';
import { WatchedHotSide } from '../../lib/hot/watched-hot-side.ts';

/** A side that answers when the test says so: on servers, answers come in another order than sales are made. */
class SlowSide {
  readonly place = 'memory';
  generation: string | null = 'one';
  readonly #takes: Array<(sale: Sale | null) => void> = [];
  readonly #looks: Array<(status: HotStatus) => void> = [];

  take(): Promise<Sale | null> {
    return new Promise((resolve) => this.#takes.push(resolve));
  }

  status(): Promise<HotStatus> {
    return new Promise((resolve) => this.#looks.push(resolve));
  }

  get looks(): number {
    return this.#looks.length;
  }

  /** Answers the oldest take that has no answer. */
  async sold(sequence: number | null): Promise<void> {
    await settled();
    this.#takes.shift()?.(sequence === null ? null : { left: 9 - sequence, sequence });
    await settled();
  }

  /** Answers the oldest look. */
  async saw(lastSequence: number): Promise<void> {
    await settled();
    const { generation } = this;
    this.#looks.shift()?.({ left: 9, loaded: 9, lastSequence, trimmedTo: 0, logged: 0, generation });
    await settled();
  }
}

/** What is resolved by now has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function opened(): Promise<{ side: SlowSide; take: () => Promise<Sale | null> }> {
  const side = new SlowSide();
  const watched = new WatchedHotSide('show-7', side as unknown as HotSide);
  const take = () => watched.take(1, 'an id', { floor: 0, bound: 10 });
  const first = take();
  await side.saw(0);
  await side.sold(1);
  expect(await first).toEqual({ left: 8, sequence: 1 });
  return { side, take };
}

test('a sale that it is told of while it looks is no loss of data', async () => {
  const { side, take } = await opened();
  const [third, second, fourth] = [take(), take(), take()];
  await side.sold(3);
  await side.sold(2);
  expect(side.looks).toBe(1);
  // Before it sees what there was when it asked.
  await side.sold(4);
  await side.saw(3);
  expect((await Promise.all([third, second, fourth])).map((sale) => sale?.sequence)).toEqual([3, 2, 4]);
});

test.each([
  ['that is older than what it was told of', 2, 'one'],
  ['that is gone', 0, null],
])('data %s is found out where sequences turn back, and at "sold out"', async (_, lastSequence, generation) => {
  for (const answer of [1, null]) {
    const { side, take } = await opened();
    const third = take();
    await side.sold(3);
    await third;
    side.generation = generation;
    const next = take();
    const rejected = expect(next).rejects.toMatchObject({ code: 'HOT_DATA_LOST' });
    await side.sold(answer);
    await side.saw(lastSequence);
    await rejected;
  }
});
