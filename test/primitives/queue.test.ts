import fs from 'node:fs';
import path from 'node:path';
import { Queue } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig, until } from '../support/process-rig.ts';

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

const EACH = 200;
const WORKERS = 6;
const DOOMED = 3;

interface Note {
  what: string;
  pid: number;
  sequence: number;
  token: number;
  attempt: number;
}

/** What all processes appended, in one order. */
function readNotes(file: string): Note[] {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => {
    const [what = '', ...numbers] = line.split(' ');
    const [pid = 0, sequence = 0, token = 0, attempt = 0] = numbers.map(Number);
    return { what, pid, sequence, token, attempt };
  });
}

test.each([{}, { rotateBytes: 900 }])(
  'processes that put, work and are killed lose no item, work on none together, and end none of the living twice: %j',
  async (options) => {
    await rig.stop();
    rig = new Rig(options);
    const worked = path.join(rig.root, 'worked');
    const queue = new Queue<string | null>('items', { store: rig.store });
    const members = await rig.startMembers(2 + WORKERS);
    const producers = members.slice(0, 2);
    const puts = producers.map((member, at) => member.ask({ do: 'put', queue: 'items', slot: `s${at}`, many: EACH }));
    const workers = members.slice(2);
    const doomed = workers.slice(0, DOOMED);
    const ends = workers.map((member, at) =>
      member.ask({ do: 'work', queue: 'items', worked, pauseMs: at < DOOMED ? 20 : 0 }).catch(() => null),
    );
    const killed = new Set<number>();
    for (const member of doomed) {
      const isAtWork = () => readNotes(worked).findLast(({ pid }) => pid === member.pid)?.what === 'begin';
      await until('it is at work', isAtWork);
      await member.kill('SIGKILL');
      killed.add(member.pid);
    }
    expect(await Promise.all(puts)).toEqual([{ is: 'done' }, { is: 'done' }]);
    await queue.join();
    for (let at = DOOMED; at < WORKERS; at++) await queue.put(null);
    expect(await Promise.all(ends)).toEqual([null, null, null, ...Array(WORKERS - DOOMED).fill({ is: 'done' })]);

    // By the queue's own numbers, and by what the workers noted: neither knows of the other.
    expect(await queue.status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
    const notes = readNotes(worked);
    const sequences = Array.from({ length: 2 * EACH }, (_, at) => at + 1);
    const ended = notes.filter(({ what }) => what === 'end');
    expect([...new Set(ended.map(({ sequence }) => sequence))].sort((a, b) => a - b)).toEqual(sequences);
    for (const sequence of sequences)
      expectOneAtATime(
        notes.filter((note) => note.sequence === sequence),
        killed,
      );
    // The oldest first: those that were taken once, by their tokens.
    const first = notes.filter(({ what, attempt }) => what === 'begin' && attempt === 1);
    const inOrder = first.sort((one, other) => one.token - other.token).map(({ sequence }) => sequence);
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
    expect(notes.filter(({ attempt }) => attempt > 1).length).toBeGreaterThan(0);
  },
);

/** A second one begins only after the first was killed, with a newer token and as the next attempt; the living end what they begin. */
function expectOneAtATime(notes: readonly Note[], killed: ReadonlySet<number>): void {
  const begins = notes.filter(({ what }) => what === 'begin');
  for (const [at, { pid, attempt, token }] of begins.entries()) {
    // One may be killed before it notes that it has begun.
    expect(attempt).toBeGreaterThan(begins[at - 1]?.attempt ?? 0);
    const before = begins[at - 1];
    if (before) expect([killed.has(before.pid), token > before.token]).toEqual([true, true]);
    const ends = notes.filter((note) => note.what === 'end' && note.token === token);
    expect(ends.length).toBe(killed.has(pid) ? Math.min(ends.length, 1) : 1);
  }
}
