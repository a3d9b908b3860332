import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { findCompanionDirectory } from '../../lib/disk/companion-directory.ts';
import type { ProcessFacts } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { jobDirectory, runFile, startText } from '../../lib/jobs/record-format.ts';
import type { Run } from '../../lib/jobs/run.ts';
import { RunLog } from '../../lib/jobs/run-log.ts';
import { SharedRuns } from '../../lib/jobs/shared-runs.ts';
import { encodeName } from '../../lib/store/name.ts';
import type { EntryView, LineView, Store } from '../../lib/store/store.ts';
import { MemoryRecords } from '../support/memory-records.ts';
import { ALIVE, DAY, HOUR, recordOf, runAt, runningSince, writeRuns } from '../support/recorded-run.ts';
import { temporaryDirectory } from '../support/tape.ts';

/** A process of another machine. */
const ELSEWHERE: ProcessFacts = { ...ALIVE, boot: 'another boot', namespace: 1, host: 'web2' };
const START = Date.now() - HOUR;

let directory: ReturnType<typeof findCompanionDirectory>;
let records: MemoryRecords;
/** The owners of the entries in each line. */
let lines: Record<string, ProcessFacts[]>;
/** Called when the lines are read. */
let onLines: () => void;

beforeEach(() => {
  directory = findCompanionDirectory(nodeHost, `${temporaryDirectory()}/store`, 'shop');
  records = new MemoryRecords();
  lines = {};
  onLines = () => undefined;
});

function shared(): SharedRuns {
  const snapshots = async (names: readonly string[]): Promise<Array<LineView | null>> => {
    onLines();
    return names.map(
      (name) =>
        ({ entries: (lines[name] ?? []).map((owner) => ({ owners: [owner] }) as unknown as EntryView) }) as LineView,
    );
  };
  return new SharedRuns(nodeHost, { directory, records, store: { snapshots } as Store });
}

function keyOf(run: Run): string {
  return `runs/${encodeName(run.job)}/${runFile(run)}`;
}

async function share(...runs: Run[]): Promise<void> {
  for (const run of runs) await records.put(keyOf(run), recordOf(run));
}

/** The keys of the runs here, the newest first. */
function here(job = 'n'): string[] {
  return new RunLog(nodeHost, directory).runs(job).map(({ run }) => run.key);
}

test('records of other machines are put beside those of this one, and read as those are', async () => {
  writeRuns(directory.path, [runAt(START, { key: 'own' })]);
  await share(runAt(START, { key: 'own' }), runAt(START + 1, { key: 'other', facts: ELSEWHERE, job: 'n' }));
  await share(runAt(START, { job: 'a/b', key: 'long' }));
  await shared().fetch();
  expect([here(), here('a/b')]).toEqual([['other', 'own'], ['long']]);
  const files = fs.readdirSync(jobDirectory(directory.path, 'n'));
  expect(files.filter((file) => !file.endsWith('.run'))).toEqual([]);
  expect(
    fs.statSync(path.join(jobDirectory(directory.path, 'n'), files.find((file) => file.includes('other')) ?? '')).mode &
      0o777,
  ).toBe(0o600);
});

test('of one job only its own are read, and those that have ended only once', async () => {
  await share(
    runAt(START, { key: 'over' }),
    runningSince(START + 1, { key: 'on', facts: ELSEWHERE }),
    runAt(START, { job: 'm' }),
  );
  lines = { n: [ELSEWHERE] };
  for (let look = 0; look < 2; look++) await shared().fetch('n');
  const name = (key: string) => key.replace(/.*-/, '');
  expect(records.reads.map(name)).toEqual(['on.run', 'over.run', 'on.run']);
});

test('a record that goes on is brought up to date, and one that is behind never takes the place of a longer one', async () => {
  const run = runningSince(START, { key: 'k', facts: ELSEWHERE });
  const ended = runAt(START, { key: 'k', facts: ELSEWHERE });
  await share(run);
  lines = { n: [ELSEWHERE] };
  await shared().fetch();
  const [before] = new RunLog(nodeHost, directory).runs('n');
  expect(before).toMatchObject({ state: 'running', unseen: true });
  await share(ended);
  await shared().fetch();
  expect(new RunLog(nodeHost, directory).runs('n')[0]?.state).toBe('ended');
  // As a put that arrives late.
  await share(run);
  await shared().fetch();
  expect(new RunLog(nodeHost, directory).runs('n')[0]?.state).toBe('ended');
});

test('the file of a run that goes on here is never replaced: its wrapper has it open', async () => {
  const run = runningSince(START, { key: 'k' });
  writeRuns(directory.path, [run]);
  const file = path.join(jobDirectory(directory.path, 'n'), runFile(run));
  const { ino } = fs.statSync(file);
  for (const text of [startText(run), recordOf(run)]) {
    await records.put(keyOf(run), text);
    await shared().fetch();
    expect([fs.statSync(file).ino, fs.readFileSync(file, 'utf8')]).toEqual([ino, recordOf(run)]);
  }
});

test('of a job with very many records only the newest are fetched', async () => {
  await share(...Array.from({ length: 1_010 }, (_, at) => runAt(START + at, { key: `k${at}` })));
  await shared().fetch();
  const keys = here();
  expect(keys).toHaveLength(1_000);
  expect(keys.slice(0, 2)).toEqual(['k1009', 'k1008']);
});

test.each([
  ['another job’s text', `runs/m/${runFile(runAt(START, { key: 'k' }))}`],
  ['a directory outside', `runs/../${runFile(runAt(START, { key: 'k' }))}`],
  ['a file that is no record', 'runs/n/x.output'],
  ['too many parts', `runs/n/x/${runFile(runAt(START, { key: 'k' }))}`],
])('a key with %s is no record: nothing is written', async (_, key) => {
  await records.put(key, recordOf(runAt(START, { key: 'k' })));
  await shared().fetch();
  expect(fs.existsSync(directory.path)).toBe(false);
});

test('what is no record of a run is not taken', async () => {
  await records.put(keyOf(runAt(START, { key: 'k' })), 'rubbish');
  await shared().fetch();
  expect(here()).toEqual([]);
});

test('what others removed goes here too; a run that goes on here stays, and one that failed before its command began', async () => {
  writeRuns(directory.path, [
    runAt(START, { key: 'own' }),
    runAt(START + 1, { key: 'other', facts: ELSEWHERE }),
    runAt(START + 2, { key: 'skipped', outcome: 'skipped', waitedMs: null }),
    runAt(START + 3, { key: 'unrecorded', outcome: 'failed', waitedMs: null }),
    runningSince(START + 4, { key: 'elsewhere', facts: ELSEWHERE }),
    runningSince(START + 5, { key: 'running' }),
  ]);
  await shared().fetch('n');
  expect(here()).toEqual(['running', 'unrecorded']);
});

test('a job of which nothing is left is no job any more', async () => {
  writeRuns(directory.path, [runAt(START)]);
  await shared().fetch();
  expect(new RunLog(nodeHost, directory).jobs()).toEqual([]);
  expect(fs.existsSync(jobDirectory(directory.path, 'n'))).toBe(false);
});

test('a run whose machine died is lost: it has not ended, and has no entry in line', async () => {
  const dead = runningSince(START, { key: 'dead', facts: { ...ELSEWHERE, pid: 1 } });
  const living = runningSince(START + 1, { key: 'living', facts: { ...ELSEWHERE, pid: 2 } });
  const waiting = runAt(START + 2, { key: 'waiting', facts: ELSEWHERE, outcome: null, waitedMs: null });
  const waited = runAt(START - 2 * DAY, { key: 'waited', facts: ELSEWHERE, outcome: null, waitedMs: null });
  await share(dead, living, waiting, waited);
  lines = { n: [living.facts] };
  const lost = await shared().fetch();
  expect([...lost].sort()).toEqual(['dead', 'waited']);
  const states = new RunLog(nodeHost, directory, lost)
    .runs('n')
    .map(({ run, state, unseen }) => [run.key, state, unseen]);
  expect(states).toEqual([
    ['waiting', 'waiting', true],
    ['living', 'running', true],
    ['dead', 'lost', false],
    ['waited', 'lost', false],
  ]);
});

test('a run of another machine is not taken for one of before the last boot of this one', async () => {
  const run = runningSince((nodeHost.processes.bootedAt() ?? START) - DAY, { key: 'k', facts: ELSEWHERE });
  await share(run);
  lines = { n: [ELSEWHERE] };
  const lost = await shared().fetch();
  expect(new RunLog(nodeHost, directory, lost).runs('n')).toMatchObject([{ state: 'running', unseen: true }]);
});

test('a run that ends while the lines are read is not lost', async () => {
  const run = runningSince(START, { key: 'k', facts: ELSEWHERE });
  await share(run);
  onLines = () => void share(runAt(START, { key: 'k', facts: ELSEWHERE }));
  expect(await shared().fetch()).toEqual(new Set());
  expect(new RunLog(nodeHost, directory).runs('n')[0]?.state).toBe('ended');
});

test('where no server answers it rejects, and what is here stays', async () => {
  writeRuns(directory.path, [runAt(START, { key: 'own' })]);
  records.failure = new Error('no server answers');
  await expect(shared().fetch()).rejects.toThrow('no server answers');
  expect(here()).toEqual(['own']);
});
