import fs from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import type { Host } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { JobRecords } from '../../lib/jobs/job-records.ts';
import { jobDirectory } from '../../lib/jobs/record-format.ts';
import { RunRecord } from '../../lib/jobs/record-writer.ts';
import { RunLog } from '../../lib/jobs/run-log.ts';
import { directoryOf } from '../../lib/stores/open-store.ts';
import { ALIVE, HOUR, runAt, runningSince, writeRuns } from '../support/recorded-run.ts';
import { temporaryDirectory } from '../support/tape.ts';

let store: string;
beforeEach(() => {
  store = `${temporaryDirectory()}/store`;
  fs.mkdirSync(store, { mode: 0o700 });
});

function records(): JobRecords {
  return new JobRecords(nodeHost, directoryOf(store), 'n');
}

function kept(): string[] {
  return new RunLog(nodeHost, directoryOf(store)).runs('n').map(({ run }) => run.key);
}

test('a run that begins after the records were listed keeps its own', () => {
  writeRuns(store, [runAt(Date.now() - HOUR, { key: 'old' })]);
  const listed = records();
  writeRuns(store, [runningSince(Date.now(), { key: 'new' })]);
  expect(listed.remove()).toHaveLength(1);
  expect(kept()).toEqual(['new']);
});

test('a run whose directory is removed while it writes its record makes it again', () => {
  writeRuns(store, [runAt(Date.now() - HOUR, { key: 'old' })]);
  const listed = records();
  let isRemoved = false;
  const host: Host = {
    ...nodeHost,
    files: {
      ...nodeHost.files,
      makeDirectory(path, mode, belonging) {
        const isMade = nodeHost.files.makeDirectory(path, mode, belonging);
        if (path.endsWith('/n') && !isRemoved) {
          isRemoved = true;
          expect(listed.remove()).toHaveLength(1);
          expect(fs.existsSync(jobDirectory(store, 'n'))).toBe(false);
        }
        return isMade;
      },
    },
  };
  const start = { ...runAt(Date.now(), { key: 'new' }), facts: ALIVE };
  RunRecord.begin(host, directoryOf(store), start).close();
  expect(isRemoved).toBe(true);
  expect(kept()).toEqual(['new']);
});

test('a run that goes on here counts, and one that cannot be seen from here does not: the lock answers for it', () => {
  const elsewhere = { ...ALIVE, host: 'web2', boot: 'another' };
  writeRuns(store, [runningSince(Date.now(), { facts: elsewhere })]);
  expect(records().isRunning).toBe(false);
  writeRuns(store, [runningSince(Date.now(), { waitedMs: null })]);
  expect(records().isRunning).toBe(true);
});

test('records of another job with the same directory stay, and files of others', () => {
  writeRuns(store, [runAt(Date.now() - HOUR, { key: 'own' })]);
  const other = runAt(Date.now() - 2 * HOUR, { key: 'other', job: 'm' });
  writeRuns(store, [other]);
  const directory = jobDirectory(store, 'n');
  for (const file of fs.readdirSync(jobDirectory(store, 'm')))
    fs.renameSync(`${jobDirectory(store, 'm')}/${file}`, `${directory}/${file}`);
  fs.writeFileSync(`${directory}/notes`, '');
  expect(records().remove()).toHaveLength(1);
  expect(fs.readdirSync(directory).sort()).toEqual([expect.stringMatching(/-other\.run$/), 'notes']);
});

test('there are none of a job that never ran', () => {
  expect(records()).toMatchObject({ isEmpty: true, isRunning: false });
  expect(fs.readdirSync(store)).toEqual([]);
});
