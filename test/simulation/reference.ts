import type { JournalRecord } from '../../lib/journal/record.ts';
import { Line } from '../../lib/line/line.ts';
import type { Content } from './sim-disk.ts';

/** What one epoch's file truly says, read without the code under test (but for the pure line). */
export interface EpochTruth {
  readonly isSealed: boolean;
  /** The line at the end, as JSON. */
  readonly header: string;
  readonly startHeader: string;
  /** The ids of the records that count, in order. */
  readonly ids: readonly string[];
  /** `joined 7`, `left 7`, `evicted 7`, in order. */
  readonly effects: readonly string[];
}

/** Reads files of epochs. Remembers what it has read. */
export class Reference {
  readonly #known = new Map<number, EpochTruth>();

  read(content: Content): EpochTruth {
    let truth = this.#known.get(content.id);
    if (!truth) {
      truth = readEpoch(content.text);
      this.#known.set(content.id, truth);
    }
    return truth;
  }
}

function readEpoch(text: string): EpochTruth {
  const [first = '', ...lines] = text.split('\n');
  const startHeader = (JSON.parse(first) as unknown[])[2];
  const ids: string[] = [];
  const effects: string[] = [];
  const line = new Line(startHeader, {
    joined: ({ ticket }) => effects.push(`joined ${ticket}`),
    granted() {},
    left: ({ ticket }) => effects.push(`left ${ticket}`),
    // By what its holder knows it by.
    evicted: ({ ticket, token }) => effects.push(`evicted ${token || ticket}`),
  });
  let isSealed = false;
  for (const each of lines) {
    const record = parse(each);
    if (!record) continue;
    if (record[0] === 'seal') {
      isSealed = true;
      break;
    }
    ids.push(record[1]);
    line.apply(record);
  }
  return { isSealed, header: JSON.stringify(line.header()), startHeader: JSON.stringify(startHeader), ids, effects };
}

function parse(text: string): JournalRecord | null {
  try {
    return JSON.parse(text) as JournalRecord;
  } catch {
    return null;
  }
}
