import fs from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Epoch } from '../../lib/journal/epoch.ts';
import { HeaderError } from '../../lib/journal/epoch-header.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';
import type { OwnEntry } from '../../lib/store/store.ts';
import { damaged, damages, effort, LONG_MS, weirdHeaders, weirdRecords } from './damage.ts';
import { type Party, Sandbox } from './sandbox.ts';

let sandbox: Sandbox;
let sound: Buffer;
beforeEach(() => {
  sandbox = new Sandbox();
  sound = sandbox.soundJournal();
});
afterEach(() => sandbox.end());

function isHolding(party: Party, entry: OwnEntry | null): boolean {
  if (entry) party.attempt(() => party.disk.refresh(entry));
  return entry?.state === 'holding';
}

/** Two sessions do what they can with these bytes as a journal. */
function use(bytes: Uint8Array | string): void {
  sandbox.write(bytes);
  try {
    const [one, other] = [sandbox.open(), sandbox.open()];
    one.seen();
    const [mine, theirs] = [one.try('mine'), other.try('theirs')];
    // Waiting, too: it judges who stands before it.
    const waiter = other.attempt(() => other.enter('waiter'));
    if (waiter) other.attempt(() => other.disk.wait(waiter, 5_000));
    const holding = [isHolding(one, mine), isHolding(other, theirs), isHolding(other, waiter)];
    expect(holding.filter(Boolean).length).toBeLessThan(2);
    if (mine) one.attempt(() => one.disk.leave(mine));
    const [seen, again, fresh] = [one.seen(), other.seen(), sandbox.open().seen()];
    expect(again).toEqual(seen);
    expect(fresh).toEqual(seen);
    for (const { ticket } of one.attempt(() => one.disk.snapshot('x'))?.entries ?? [])
      one.attempt(() => one.disk.evict('x', ticket, { reason: 'over', by: 'test' }));
    one.attempt(() => one.disk.names());
    expect(sandbox.isUntouchedOutside).toBe(true);
  } finally {
    sandbox.close();
  }
}

test('a journal cut off at any byte is refused, or read as far as it goes', () => {
  for (let length = 0; length < sound.length; length += 7) use(sound.subarray(0, length));
});

test.each(weirdHeaders.map((text) => [JSON.stringify(text.slice(0, 120)), text]))(
  'a header that says %s is refused or read',
  (_, text) => {
    use(text);
    use(`${text}\n["seal","w:1",1]`);
  },
);

test('records that no Lockstep wrote are skipped, or are somebody’s who cannot be judged', () => {
  for (const record of weirdRecords) use(Buffer.concat([sound, Buffer.from(`\n${record}`)]));
});

test('whatever became of a journal: skipped or refused, and never two holders, a hang, or a write elsewhere', {
  timeout: LONG_MS,
}, () => {
  const property = fc.property(damages, (all) => use(damaged(sound, all)));
  fc.assert(property, effort(150));
});

/** The line in a file, after everything that is there was read, and whether it was sealed. */
class Reader {
  readonly #fd: number;
  readonly #epoch: Epoch<Line>;

  constructor(file: string) {
    this.#fd = fs.openSync(file, 'r');
    this.#epoch = new Epoch(nodeHost, this.#fd, 1, (header) => new Line(header, NO_OBSERVER));
  }

  read(): string {
    this.#epoch.fold();
    return JSON.stringify([this.#epoch.sealed, this.#epoch.machine.header()]);
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

test('everybody sees the same line in any bytes, whenever they read them', { timeout: LONG_MS }, () => {
  const headerEnd = sound.indexOf('\n');
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });
  const property = fc.property(damages, cuts, (all, where) => {
    const bytes = damaged(sound.subarray(headerEnd), all);
    sandbox.write(sound.subarray(0, headerEnd));
    const early = new Reader(sandbox.journal);
    // Mostly behind what looks like the end of a record: there a reader takes what it has for the whole of it.
    const endAt = (cut: number, index: number) =>
      index % 3 === 0 ? Math.floor(cut * bytes.length) : bytes.indexOf(']', Math.floor(cut * bytes.length)) + 1;
    const ends = where.map(endAt).sort((a, b) => a - b);
    let from = 0;
    for (const end of [...ends, bytes.length]) {
      fs.appendFileSync(sandbox.journal, bytes.subarray(from, Math.max(from, end)));
      from = Math.max(from, end);
      const late = new Reader(sandbox.journal);
      expect(early.read()).toBe(late.read());
      late.close();
    }
    early.close();
  });
  fc.assert(property, effort(400));
});

test('a header is read or refused, and nothing else is thrown', () => {
  for (const text of weirdHeaders) {
    sandbox.write(text);
    let reader: Reader | null = null;
    try {
      reader = new Reader(sandbox.journal);
      reader.read();
    } catch (error) {
      expect(error).toBeInstanceOf(HeaderError);
    } finally {
      reader?.close();
    }
  }
});

test('whatever is done to a journal in use but overwriting what was read: never two holders', {
  timeout: LONG_MS,
}, () => {
  const kinds = fc.constantFrom('append', 'truncate', 'replace', 'remove', 'roll back');
  const property = fc.property(kinds, damages, fc.double({ min: 0, max: 1, noNaN: true }), (kind, all, where) => {
    sandbox.write(sound.subarray(0, sound.indexOf('\n')));
    const [one, other] = [sandbox.open(), sandbox.open()];
    const old = fs.readFileSync(sandbox.journal);
    const mine = one.enter('mine');
    expect(mine.state).toBe('holding');
    const now = fs.readFileSync(sandbox.journal);
    if (kind === 'append') fs.appendFileSync(sandbox.journal, damaged(sound.subarray(sound.indexOf('\n')), all));
    else if (kind === 'truncate') fs.truncateSync(sandbox.journal, Math.floor(where * (now.length - 1)));
    else fs.rmSync(sandbox.journal);
    if (kind === 'replace') fs.writeFileSync(sandbox.journal, damaged(now, all));
    if (kind === 'roll back') fs.writeFileSync(sandbox.journal, old);
    // Told by the size: were it to grow again before we look, which is every 100 ms, nobody would know.
    if (kind === 'truncate') expect(isHolding(one, mine)).toBe(false);
    const theirs = other.try('theirs');
    expect([isHolding(one, mine), isHolding(other, theirs)].filter(Boolean).length).toBeLessThan(2);
    one.attempt(() => one.disk.leave(mine));
    expect(['left', 'lost', 'holding']).toContain(mine.state);
    expect(sandbox.isUntouchedOutside).toBe(true);
    sandbox.close();
  });
  fc.assert(property, effort(150));
});
