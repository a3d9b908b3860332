import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { hintPlaceIn } from '../../lib/disk/opened-stores.ts';
import { hintFrom } from '../../lib/file/attribute-hint.ts';
import { Document } from '../../lib/file/document.ts';
import type { DocumentHost } from '../../lib/host/document-host.ts';
import { nodeDocuments } from '../../lib/host/node-documents.ts';
import { JsonFile, Lock, openStoreBeside } from '../../lib/index.ts';
import type { Store } from '../../lib/store/store.ts';
import { temporaryDirectory } from '../support/tape.ts';

const CHECK = '/bin/sh';
const COPY = 'cp';

let file: string;
let store: Store;

beforeEach(async () => {
  file = path.join(temporaryDirectory(), 'ticket.json');
  fs.writeFileSync(file, '{"left":1}');
  store = openStoreBeside(file);
  // Whoever replaces the file has its lock, so the store is there.
  await new Lock('ticket.json', { store }).withLock(() => undefined);
});

/** A writer that knows nothing of the others, as another process; and the programs that it starts. */
class Writer {
  readonly programs: string[] = [];
  readonly #host: DocumentHost = {
    ...nodeDocuments,
    run: (program, args, descriptors) => {
      this.programs.push(program);
      return nodeDocuments.run(program, args, descriptors);
    },
  };

  async replace(text: string): Promise<void> {
    const document = Document.open(file, this.#host);
    try {
      await document.replace(Buffer.from(text), { hintPlace: hintPlaceIn(store, 'ticket.json') });
    } finally {
      document.close();
    }
  }
}

const place = () => path.join(store.place, 'hints', 'ticket.json');

function facts() {
  const fd = nodeDocuments.open(file);
  try {
    return nodeDocuments.facts(fd);
  } finally {
    nodeDocuments.close(fd);
  }
}

/** The last hint, with another time of the check. */
function checkedAt(shiftNs: bigint): void {
  const [plain = '', ...of] = fs.readFileSync(place(), 'utf8').split(' ');
  fs.writeFileSync(place(), [BigInt(plain) + shiftNs, ...of].join(' '));
}

function directoryInstead(): void {
  fs.rmSync(place());
  fs.mkdirSync(place());
}

/** Two replacements: the first one copies, and the second one finds that there is nothing to copy. */
async function begun(): Promise<void> {
  const first = new Writer();
  for (const left of [2, 3]) await first.replace(`{"left":${left}}`);
  expect(first.programs).toEqual([COPY, CHECK]);
}

describe.runIf(process.platform === 'linux')('what one writer found out about the attributes of a file', () => {
  test('no other one has to find out: it starts no program', async () => {
    await begun();
    const writers = [new Writer(), new Writer(), new Writer()];
    for (const writer of [...writers, ...writers]) await writer.replace('{"left":4}');
    expect(writers.flatMap(({ programs }) => programs)).toEqual([]);
  });

  test.each([
    ['a hint of another file', () => fs.writeFileSync(place(), '1 1:1 1')],
    ['half a hint', () => fs.truncateSync(place(), 12)],
    ['a long text', () => fs.writeFileSync(place(), '1'.repeat(100_000))],
    ['a directory', () => directoryInstead()],
    ['a check of more than a second ago', () => checkedAt(-1_000_000_000n)],
    ['a check in the future: the clock was set back', () => checkedAt(3_600_000_000_000n)],
  ])('is not believed if there is %s', async (_, spoil) => {
    await begun();
    spoil();
    const writer = new Writer();
    await writer.replace('{"left":4}');
    expect(writer.programs).not.toEqual([]);
    expect(fs.readFileSync(file, 'utf8')).toBe('{"left":4}');
  });

  test('is not believed of a file that was changed since', async () => {
    await begun();
    fs.chmodSync(file, 0o640);
    const writer = new Writer();
    await writer.replace('{"left":4}');
    expect(writer.programs).toEqual([COPY]);
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
  });

  test('is checked again only where replacements follow each other: a copy takes less', async () => {
    const first = new Writer();
    await first.replace('{"left":2}');
    expect(fs.readFileSync(place(), 'utf8')).toMatch(/^- \d+:\d+ \d+ *$/);
    // The file was last replaced an hour ago.
    const hour = 3_600_000_000_000n;
    const late: DocumentHost = {
      ...nodeDocuments,
      facts: (fd) => {
        const facts = nodeDocuments.facts(fd);
        return facts.size === 0 ? { ...facts, changedNs: facts.changedNs + hour } : facts;
      },
      run: async (program) => {
        programs.push(program);
        return { code: 0, stdout: '', stderr: '', failure: null };
      },
    };
    const programs: string[] = [];
    const document = Document.open(file, late);
    await document.replace(Buffer.from('{"left":3}'), { hintPlace: hintPlaceIn(store, 'ticket.json') });
    document.close();
    expect(programs).toEqual([COPY]);
  });

  test('is left by updates of a JsonFile, and goes when the name of its lock is forgotten', async () => {
    const json = new JsonFile<{ left: number }>(file);
    for (let round = 0; round < 3; round++) await json.update((ticket) => void ticket.left++);
    expect(fs.readFileSync(place(), 'utf8')).toMatch(/^\d+ \d+:\d+ \d+ *$/);
    expect(fs.readdirSync(path.dirname(place()))).toEqual(['ticket.json']);
    await store.forget('ticket.json');
    expect(fs.readdirSync(path.dirname(place()))).toEqual([]);
  });

  test('is left anew by the next writer, if it was torn', async () => {
    await begun();
    const before = fs.readFileSync(place(), 'utf8');
    const writer = new Writer();
    await writer.replace('{"left":4}');
    const after = fs.readFileSync(place(), 'utf8');
    for (let cut = 0; cut < after.trimEnd().length - 1; cut++) {
      fs.writeFileSync(place(), after.slice(0, cut) + before.slice(cut));
      const isWhole = fs.readFileSync(place(), 'utf8') === after;
      expect(hintFrom(hintPlaceIn(store, 'ticket.json')?.read() ?? '', facts()) !== null, `${cut}`).toBe(isWhole);
    }
    fs.writeFileSync(place(), after.slice(0, 40));
    const others = [new Writer(), new Writer(), new Writer()];
    for (const other of others) await other.replace('{"left":5}');
    expect(others.map(({ programs }) => programs)).toEqual([[COPY], [CHECK], []]);
  });

  test('is left nowhere where other users may write: they would say what a list of theirs is worth', async () => {
    expect(hintPlaceIn(store, 'ticket.json')).toBeDefined();
    const directory = temporaryDirectory();
    fs.chmodSync(directory, 0o2770);
    fs.writeFileSync(path.join(directory, 'shared.json'), '{"left":1}');
    const json = new JsonFile<{ left: number }>(path.join(directory, 'shared.json'));
    for (let round = 0; round < 3; round++) await json.update((ticket) => void ticket.left++);
    const shared = openStoreBeside(path.join(directory, 'shared.json'));
    expect(hintPlaceIn(shared, 'shared.json')).toBeUndefined();
    expect(fs.readdirSync(shared.place)).not.toContain('hints');
  });
});

const hasAccessLists = spawnSync('sh', ['-c', 'command -v setfacl']).status === 0;

test.runIf(hasAccessLists)(
  'an access list that comes later is kept by a writer that believed others before',
  async () => {
    await begun();
    const writer = new Writer();
    await writer.replace('{"left":4}');
    execFileSync('setfacl', ['-m', 'u:1001:rw,g::---,m::rw', file]);
    const list = () => execFileSync('getfacl', ['-cpE', file], { encoding: 'utf8' });
    const before = list();
    for (const one of [writer, new Writer(), writer]) {
      await one.replace('{"left":5}');
      expect(list()).toBe(before);
    }
  },
);
