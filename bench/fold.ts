import fs from 'node:fs';
import path from 'node:path';
import { nodeHost } from '../lib/host/node-host.ts';
import { Journal } from '../lib/journal/journal.ts';
import { emptyHeader } from '../lib/line/config.ts';
import { Line } from '../lib/line/line.ts';
import { NO_OBSERVER } from '../lib/line/observer.ts';
import { effort } from './effort.ts';
import { median } from './median.ts';
import { rowOf, type Section } from './section.ts';
import { count } from './table.ts';

const LENGTHS = [10, 1_000, 10_000];
const STEPS = effort(2_000, 10);
const BATCHES = effort(20, 2);
const FACTS = '[4711,4711,123456,"8f6c2e0a-5a6b-4c9d-9e1f-1b2c3d4e5f60",4026531836,"host"]';

/** The cost of folding a record must not grow with the line: in each step one entry joins and the first one leaves. */
export async function fold(directory: string): Promise<Section> {
  const lines = LENGTHS.map((length) => new LongLine(path.join(directory, `fold${length}`), length));
  const times = lines.map((): number[] => []);
  for (let batch = 0; batch < BATCHES; batch++) for (const [at, line] of lines.entries()) times[at]?.push(line.step());
  return {
    name: 'fold',
    title: `folding one record, by the length of the line (${BATCHES} batches of ${count(2 * STEPS)} records)`,
    base: String(LENGTHS[0]),
    rows: LENGTHS.map((length, at) => {
      const own = times[at] ?? [];
      const records = { value: 1000 / median(own), unit: 'per second' } as const;
      return rowOf(`${count(length)} entries in line`, own, { base: times[0] ?? [], more: { records } });
    }),
    absent: [],
    notes: [],
    targets: [],
  };
}

class LongLine {
  readonly #journal: Journal<Line>;
  readonly #fd: number;
  #ids = 0;
  #tickets = 0;
  #oldest = 0;

  constructor(directory: string, length: number) {
    fs.mkdirSync(directory);
    const journal = Journal.open({
      host: nodeHost,
      directory,
      subject: 'fold',
      key: 'bench',
      fileMode: 0o600,
      directoryMode: 0o700,
      initial: () => emptyHeader('fold', { kind: 'lock', permits: 1 }),
      load: (header) => new Line(header, NO_OBSERVER),
    });
    if (!journal) throw new Error('fold: no journal');
    this.#journal = journal;
    this.#fd = fs.openSync(path.join(directory, 'journal.1'), 'a');
    fs.writeSync(this.#fd, Array.from({ length }, () => this.#enter()).join(''));
    journal.refresh();
  }

  /** Another process has written its records; returns the cost of folding one, in ms. */
  step(): number {
    fs.writeSync(this.#fd, Array.from({ length: STEPS }, () => this.#enter() + this.#leave()).join(''));
    const start = performance.now();
    this.#journal.refresh();
    return (performance.now() - start) / (2 * STEPS);
  }

  #enter(): string {
    this.#tickets += 1;
    return `\n["enter","peer:${++this.#ids}",${FACTS},1,${this.#tickets},"node build.js --all"]`;
  }

  #leave(): string {
    this.#oldest += 1;
    return `\n["leave","peer:${++this.#ids}",${this.#oldest},${this.#tickets}]`;
  }
}
