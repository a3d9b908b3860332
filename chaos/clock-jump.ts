import { Random } from './random.ts';

// A shim for `node --import`: the wall clock jumps now and then, by up to a day, forwards and backwards. CHAOS_CLOCK
// is the seed. No timer is needed: each half second has an offset of its own.

const SEGMENT_MS = 500;
const MOST_MS = 24 * 3_600_000;
const seed = Number(process.env.CHAOS_CLOCK ?? 0);
const truth = Date.now;

Date.now = () => {
  const random = new Random(seed + Math.floor(performance.now() / SEGMENT_MS));
  const offset = random.chance(0.3) ? 0 : Math.round((random.next() * 2 - 1) ** 3 * MOST_MS);
  return truth() + offset;
};
