import fs from 'node:fs';
import os from 'node:os';
import { Counter, Event, Lock } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const HEADINGS = ['ENTERED', 'WAITED', 'HELD', 'PID', 'HOST', 'COMMAND', 'END'];
const LOCAL = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);
const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const LENGTH = expect.stringMatching(/^\d+m?s( \d+ms)?$|^\d+\.\ds$/);
const COMMAND = 'sh -c echo in $$; read -r _; exit 0';

function cellsOf(table: string): string[][] {
  const lines = table.trimEnd().split('\n');
  const starts = HEADINGS.map((heading) => lines[0]?.indexOf(heading) ?? -1);
  return lines.map((line) => starts.map((start, at) => line.slice(start, starts[at + 1]).trim()));
}

/** The label of each entry that is shown, in the order shown. */
async function commands(...options: string[]): Promise<string[]> {
  const { stdout } = await rig.run('history', 'n', ...options);
  return cellsOf(stdout)
    .slice(1)
    .map((row) => row[5] ?? '');
}

/** Entries of this process, one after the other. */
async function visits(...labels: string[]): Promise<void> {
  const lock = new Lock('n', { store: rig.store });
  for (const label of labels) await lock.withLock(() => undefined, { label });
}

describe('history', () => {
  test('is an aligned table of who came and went, the newest last', async () => {
    const holder = await rig.hold('n');
    const [, held] = await holder.says(/in (\d+)/);
    const waiter = rig.visitor('n');
    await rig.line('n', 1, 1);
    const hasty = await rig.run('run', 'n', '-w', '20ms', '--', 'true');
    expect(hasty.status).toBe(75);
    await holder.letGo();
    const [, later] = await waiter.says(/in (\d+)/);
    const { status, stdout, stderr } = await rig.run('history', 'n');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [headings, ...rows] = cellsOf(stdout);
    expect(headings).toEqual(HEADINGS);
    expect(rows).toEqual([
      [LOCAL, '0ms', LENGTH, held, os.hostname(), COMMAND, 'released'],
      [LOCAL, LENGTH, LENGTH, later, os.hostname(), COMMAND, 'still holding'],
      [LOCAL, LENGTH, '-', expect.stringMatching(/^\d+$/), os.hostname(), 'true', 'gave up waiting'],
    ]);
  });

  test('says released of what `lockstep release` gave back, not evicted; what was broken stays evicted, whatever the reason', async () => {
    const pid = String(process.pid);
    for (const end of [
      ['release', 'n', '--pid', pid],
      ['break', 'n', '--reason', 'released'],
    ]) {
      expect((await rig.run('acquire', 'n', '--pid', pid)).status).toBe(0);
      expect((await rig.run(...end)).status).toBe(0);
    }
    const { stdout } = await rig.run('history', 'n', '--summary');
    const [, given, broken] = cellsOf(stdout);
    expect(given?.[6]).toBe('released');
    expect(broken?.[6]).toMatch(/^evicted: released \(by pid \d+ of \S+\)$/);
    expect(stdout).toMatch(/^2 acquisitions; .*; 1 evicted\n$/m);
    const ends = JSON.parse((await rig.run('history', 'n', '--json')).stdout).map(({ end }: { end: string }) => end);
    expect(ends).toEqual(['left', 'evicted']);
  });

  test('says of a holder that was killed that it is stale, and then by whom it was evicted', async () => {
    const shell = rig.script('lockstep acquire n --pid $$; read -r _');
    await shell.says('\n');
    shell.kill('SIGKILL');
    await shell.ended;
    const before = cellsOf((await rig.run('history', 'n')).stdout);
    expect(before[1]?.[6]).toBe('still holding, stale: its process is gone');
    await rig.run('run', 'n', '--', 'true');
    const after = cellsOf((await rig.run('history', 'n')).stdout);
    expect(after[1]?.[6]).toMatch(/^evicted: its process is gone \(by pid \d+ on \S+\)$/);
    expect(after[2]?.[6]).toBe('released');
  });

  test('--json says the same to programs', async () => {
    const holder = await rig.hold('n', '-s');
    const [, held] = await holder.says(/in (\d+)/);
    const [entry] = await rig.entries('n');
    await holder.letGo();
    const { status, stdout, stderr } = await rig.run('history', 'n', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [span, ...more] = JSON.parse(stdout);
    expect(more).toEqual([]);
    expect(span).toEqual({
      what: 'entry',
      ticket: entry?.ticket,
      token: entry?.ticket,
      session: entry?.owners[0]?.session,
      pid: Number(held),
      host: os.hostname(),
      command: COMMAND,
      permits: 1,
      shared: true,
      entered: ISO,
      granted: ISO,
      ended: ISO,
      waitedMs: 0,
      heldMs: Date.parse(span.ended) - Date.parse(span.granted),
      clockSkew: false,
      end: 'left',
      reason: null,
      by: null,
      stale: null,
    });
  });

  test('shows the last 20, or as many as -n says; 0 is all', async () => {
    const labels = Array.from({ length: 23 }, (_, number) => `visit ${number}`);
    await visits(...labels);
    expect(await commands()).toEqual(labels.slice(3));
    expect(await commands('-n', '2')).toEqual(['visit 21', 'visit 22']);
    expect(await commands('-n0')).toEqual(labels);
    for (const wrong of ['-1', '1.5', 'many']) expect((await rig.run('history', 'n', '-n', wrong)).status).toBe(64);
  });

  test('--since leaves out what was over by then', async () => {
    await visits('first');
    const lease = await new Lock('n', { store: rig.store }).acquire({ label: 'second' });
    const [first] = JSON.parse((await rig.run('history', 'n', '--json')).stdout);
    // A process takes longer to start than this, so the first is over before, and the second is not over at all.
    expect(Date.now() - Date.parse(first.ended)).toBeGreaterThan(1);
    expect(await commands('--since', '1ms')).toEqual(['second']);
    expect(await commands('--since', '1h')).toEqual(['first', 'second']);
    await lease.release();
    expect((await rig.run('history', 'n', '--since', '1ms')).stdout).toBe('');
    expect((await rig.run('history', 'n', '--since', '1ms', '--json')).stdout).toBe('[]\n');
    expect((await rig.run('history', 'n', '--since', 'yesterday')).status).toBe(64);
  });

  test('--summary is a line below, of what is shown; JSON has none', async () => {
    await visits('a', 'b', 'c');
    const { stdout } = await rig.run('history', 'n', '-n2', '--summary');
    expect(stdout.split('\n').at(-2)).toMatch(
      /^2 acquisitions; waited \d+ms median, \d+ms max; held \d+ms median, \d+ms max$/,
    );
    expect((await rig.run('history', 'n')).stdout).not.toMatch(/acquisition/);
    expect((await rig.run('history', 'n', '--json', '--summary')).status).toBe(64);
  });

  test('of an event and a counter shows what was done to it', async () => {
    const event = new Event('n', { store: rig.store });
    await event.set();
    await event.clear();
    const counter = new Counter('c', { store: rig.store });
    await counter.add(5);
    await counter.add(-7);
    const events = cellsOf((await rig.run('history', 'n')).stdout).slice(1);
    expect(events.map(([time, , , , , what, end]) => [time, what, end])).toEqual([
      [LOCAL, 'set', '0 released'],
      [LOCAL, 'clear', '-'],
    ]);
    const changes = JSON.parse((await rig.run('history', 'c', '--json')).stdout);
    expect(changes).toMatchObject([
      { what: 'add', at: ISO, number: 5, outcome: 5 },
      { what: 'add', number: -7, outcome: -2 },
    ]);
  });

  test('of the lock beside a file', async () => {
    const file = rig.write('data.json', '{}');
    await rig.run('run', '-f', file, '--', 'true');
    expect(cellsOf((await rig.run('history', '--file', file)).stdout)[1]?.slice(5)).toEqual(['true', 'released']);
    const other = rig.write('other.json', '{}');
    const { status, stderr } = await rig.run('history', '--file', other);
    expect(status).toBe(1);
    expect(stderr).toBe(
      `lockstep: other.json: there is no record of that name in the store ${fs.realpathSync(rig.directory)}/.lockstep\n`,
    );
    expect((await rig.run('history', 'n', '--file', file)).status).toBe(64);
    expect((await rig.run('history')).status).toBe(64);
  });

  test('says where it looked for a name under which nothing was kept, and makes no store for that', async () => {
    expect(await rig.run('history', 'never')).toEqual({
      status: 1,
      stdout: '',
      stderr: `lockstep: never: there is no record of that name in the store ${rig.storePath}\n`,
    });
    expect(rig.exists('store')).toBe(false);
    await visits('a');
    expect((await rig.run('history', 'never')).status).toBe(1);
    expect(await rig.store.names()).toEqual(['n']);
  });

  test('shows control characters, and does not let them act', async () => {
    await visits('x\x1b]0;title\x07\r\ny');
    const { stdout } = await rig.run('history', 'n', '--summary');
    expect(cellsOf(stdout)[1]?.[5]).toBe('x\\x1b]0;title\\x07\\x0d\\x0ay');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test('a damaged journal is an error; a damaged predecessor is said, and hides nothing else', async () => {
    await visits('a');
    const journal = rig.path('store/resources/n/journal.1');
    fs.renameSync(journal, rig.path('store/resources/n/journal.2'));
    fs.writeFileSync(journal, 'garbage');
    const { status, stdout, stderr } = await rig.run('history', 'n');
    expect(status).toBe(0);
    expect(cellsOf(stdout)).toHaveLength(2);
    expect(stderr).toBe('lockstep: n: journal.1 is damaged: its records are left out\n');
    fs.writeFileSync(rig.path('store/resources/n/journal.3'), 'garbage');
    const damaged = await rig.run('history', 'n');
    expect(damaged.status).toBe(74);
    expect(damaged.stderr).toMatch(/its first line is not the header of a journal/);
  });

  test('its WAITED and HELD mark what clocks made less than nothing, and what is not known', async () => {
    await visits('a');
    const journal = rig.path('store/resources/n/journal.1');
    const facts = [1, 1, 1, 'another boot', 1, 'elsewhere'];
    for (const record of [
      ['enter', 'f:1', facts, 1, 4e15, 'ahead'],
      ['enter', 'f:2', facts, 1, 4e15, 'next'],
      ['leave', 'f:3', 4e15, 3e15],
      ['leave', 'f:4', 4e15 + 1, 'no time'],
    ])
      fs.appendFileSync(journal, `\n${JSON.stringify(record)}`);
    const rows = cellsOf((await rig.run('history', 'n')).stdout).slice(2);
    expect(rows.map((row) => row.slice(1, 3))).toEqual([
      ['0ms', '0ms*'],
      ['0ms*', '?'],
    ]);
    const json = JSON.parse((await rig.run('history', 'n', '--json')).stdout).slice(1);
    expect(json).toMatchObject([
      { waitedMs: 0, heldMs: 0, clockSkew: true },
      { waitedMs: 0, heldMs: null, clockSkew: true, ended: null },
    ]);
  });
});
