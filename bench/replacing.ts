import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { JsonFile } from 'lockstep';
import writeFileAtomic from 'write-file-atomic';
import { replaceFile } from '../lib/file/replace-file.ts';
import { type Contestant, interleave } from './interleave.ts';
import { median } from './median.ts';
import { duration, ratio, table } from './table.ts';

const SIZES = [400, 400 * 1024];
const ROUNDS = 100;

/** The cost of a careful replacement of a JSON file, compared with one without sync and with `write-file-atomic`. */
export async function replacing(directory: string): Promise<void> {
  console.log(`replacing a JSON file, on the disk of the store (${ROUNDS} rounds, in turn)`);
  const rows = [['', 'size', 'median', 'to plain', 'to write-file-atomic']];
  for (const size of SIZES) {
    const contestants = [
      writer('writeFileSync + renameSync, no sync', path.join(directory, `plain.${size}.json`), size, replacePlainly),
      writer('write-file-atomic', path.join(directory, `peer.${size}.json`), size, writeFileAtomic),
      writer('lockstep’s writer', path.join(directory, `own.${size}.json`), size, replaceFile),
      writer('JsonFile.updateText', path.join(directory, `json.${size}.json`), size, updateText),
    ] as const;
    const times = await interleave(contestants, { batches: ROUNDS, cycles: 1 });
    const [plain, peer] = contestants.map(({ name }) => median(times.get(name) ?? [])) as [number, number, number];
    for (const { name } of contestants) {
      const own = median(times.get(name) ?? []);
      rows.push([name, inWords(size), duration(own), ratio(own, plain), ratio(own, peer)]);
    }
  }
  process.stdout.write(table(rows));
  console.log('  Target: lockstep’s writer at most 1.3× write-file-atomic.\n');
}

type Replace = (file: string, bytes: Buffer) => void | Promise<void>;

function replacePlainly(file: string, bytes: Buffer): void {
  writeFileSync(`${file}.draft`, bytes);
  renameSync(`${file}.draft`, file);
}

/** The writer with the file's lock around it, and with the parsing of both texts. */
async function updateText(file: string, bytes: Buffer): Promise<void> {
  await new JsonFile(file).updateText(() => bytes.toString());
}

/** Replaces its file by two documents of the same length in turn, so that each replacement changes it. */
function writer(name: string, file: string, size: number, replace: Replace): Contestant {
  const documents = ['a', 'b'].map((letter) => Buffer.from(JSON.stringify({ text: letter.repeat(size - 11) })));
  let turn = 0;
  writeFileSync(file, documents[1] as Buffer);
  return {
    name,
    async batch(cycles) {
      for (let cycle = 0; cycle < cycles; cycle++) await replace(file, documents[turn++ % 2] as Buffer);
    },
  };
}

function inWords(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KB`;
}
