import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';
import type { Machine } from '../../lib/journal/epoch.ts';
import type { JournalRecord } from '../../lib/journal/record.ts';

/** A machine that only records what is folded into it. */
export class Tape implements Machine {
  readonly records: JournalRecord[];

  constructor(header: unknown) {
    if (!Array.isArray(header)) throw new RangeError('its header is no tape');
    this.records = [...(header as JournalRecord[])];
  }

  /** Returns the record's id, so that a test sees whose outcome it gets. */
  apply(record: JournalRecord): string {
    this.records.push(record);
    return record[1];
  }

  header(): unknown {
    return this.records;
  }

  /** A record `forget` ends it. */
  get isForgotten(): boolean {
    return this.records.at(-1)?.[0] === 'forget';
  }

  get ids(): string[] {
    return this.records.map(([, id]) => id);
  }
}

const directories: string[] = [];

/** A directory that is removed after the test. */
export function temporaryDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-unit-'));
  directories.push(directory);
  return directory;
}

afterEach(() => {
  for (const directory of directories.splice(0)) {
    fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }
});
