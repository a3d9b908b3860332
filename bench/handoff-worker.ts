import fs from 'node:fs';
import path from 'node:path';
import { readCounter, writeCounter } from './counter.ts';
import type { Command, Turns, WarmUp, Window } from './crowd.ts';
import { TURN_LOCKS, type TurnLock } from './peers/turn-lock.ts';

// One process of a crowd: while a window lasts, it adds one to a number in a file, under the lock, as often as it gets it.

const [kind = '', directory = '', counter = '', own = ''] = process.argv.slice(2);
const writer = Number(own);
const lock = await lockIn(directory);
const fd = fs.openSync(counter, 'r+');
/** `performance.now()` in terms of the clock that all processes of the machine share. */
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
const now = () => performance.now() + offset;

process.on('message', async (command: Command) => {
  process.send?.('from' in command ? await compete(command) : await warmUp(command));
});
process.once('disconnect', () => process.exit());
process.send?.('ready');

async function lockIn(place: string): Promise<TurnLock> {
  const made = await TURN_LOCKS[kind]?.(place);
  if (!made) throw new Error(`there is no ${kind}`);
  return made;
}

/** Two processes pass on a lock of their own, until this one has had its turns, so that its code is compiled before it is measured. */
async function warmUp({ turns, ms }: WarmUp): Promise<string> {
  const place = path.join(directory, `warm-${Math.ceil(writer / 2)}`);
  fs.mkdirSync(place, { recursive: true, mode: 0o700 });
  const own = await lockIn(place);
  const until = now() + ms;
  for (let turn = 0; turn < turns && now() < until; turn++) {
    await own.acquire();
    readCounter(fd);
    await own.release();
  }
  return 'warm';
}

async function compete({ from, until }: Window): Promise<Turns> {
  const turns: Turns = { counted: 0, own: 0, changes: 0, waits: [] };
  for (;;) {
    const asked = now();
    await lock.acquire();
    const granted = now();
    if (granted >= from) turns.waits.push(granted - asked);
    if (granted >= until) break;
    const { value, writer: last } = readCounter(fd);
    writeCounter(fd, { value: value + 1, writer });
    turns.counted += 1;
    if (granted >= from) {
      turns.own += 1;
      if (last !== writer) turns.changes += 1;
    }
    await lock.release();
  }
  await lock.release();
  return turns;
}
