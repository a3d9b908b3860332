import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { JsonFile } from 'lockstep';
import writeFileAtomic from 'write-file-atomic';
import { replaceFile } from '../lib/file/replace-file.ts';
import { effort } from './effort.ts';
import { type Contestant, interleave } from './interleave.ts';
import { median } from './median.ts';
import { atMost, type Row, rowOf, type Section, type Target } from './section.ts';

const SIZES = [400, 400 * 1024];
const ROUNDS = effort(100, 2);
const PLAIN = 'writeFileSync + renameSync, no sync';
const PEER = 'write-file-atomic';
const OWN = 'lockstep’s writer';

/** The cost of a careful replacement of a JSON file, compared with one without sync and with `write-file-atomic`. */
export async function replacing(directory: string): Promise<Section> {
  const rows: Row[] = [];
  const targets: Target[] = [];
  for (const size of SIZES) {
    const contestants = [
      writer(PLAIN, path.join(directory, `plain.${size}.json`), size, replacePlainly),
      writer(PEER, path.join(directory, `peer.${size}.json`), size, writeFileAtomic),
      writer(OWN, path.join(directory, `own.${size}.json`), size, replaceFile),
      writer('JsonFile.updateText', path.join(directory, `json.${size}.json`), size, updateText),
    ] as const;
    const times = await interleave(contestants, { batches: ROUNDS, cycles: 1 });
    const peer = times(PEER).batches;
    const group = inWords(size);
    for (const { name } of contestants)
      rows.push(rowOf(name, times(name).batches, { group, base: peer, single: times(name).batches }));
    const measured = median(times(OWN).batches) / median(peer);
    targets.push(atMost(`${OWN}, ${group}, to write-file-atomic`, 1.3, measured));
  }
  const title = `replacing a JSON file, on the disk of the store (${ROUNDS} rounds, in turn)`;
  return { name: 'replacing', title, base: PEER, rows, absent: [], notes: [], targets };
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
