import { stripVTControlCharacters } from 'node:util';
import { Lock } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig, until } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const HEADINGS = ['RESOURCE', 'KIND', 'STATE', 'TOKEN', 'PID', 'HOST', 'COMMAND', 'SINCE'];

/** A table's cells, cut where the headings begin: if the columns were not aligned, the cells would be wrong. */
function cellsOf(table: string): string[][] {
  const lines = table.trimEnd().split('\n');
  const starts = HEADINGS.map((heading) => lines[0]?.indexOf(heading) ?? -1);
  return lines.map((line) => starts.map((start, at) => line.slice(start, starts[at + 1]).trim()));
}

describe('status', () => {
  test('prints nothing for an empty store, and nothing for one in which nobody holds', async () => {
    const silence = { status: 0, stdout: '', stderr: '' };
    expect(await rig.run('status')).toEqual(silence);
    await rig.run('run', 'n', '--', 'true');
    expect(await rig.run('status')).toEqual(silence);
    expect((await rig.run('status', '--json')).stdout).toBe('[]\n');
  });

  test('is an aligned table of who holds and who waits', async () => {
    const holder = await rig.hold('deploy');
    const [, command] = await holder.says(/in (\d+)/);
    const waiter = rig.lockstep(['run', 'deploy', '--', 'echo', 'a rather long command line']);
    await rig.line('deploy', 1, 1);
    await rig.hold('a resource with quite a name', '-p', '4', '--take', '2');
    await rig.hold('readers', '-s');
    const { status, stdout, stderr } = await rig.run('status');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [headings, ...rows] = cellsOf(stdout);
    expect(headings).toEqual(HEADINGS);
    const entries = await rig.entries('deploy');
    const host = entries[0]?.owners[0]?.host;
    const ago = expect.stringMatching(/^\S+ ago$/);
    expect(rows).toHaveLength(4);
    expect(rows).toContainEqual([
      'deploy',
      'lock',
      'holding',
      String(entries[0]?.ticket),
      command,
      host,
      'sh -c echo in $$; read -r _; exit 0',
      ago,
    ]);
    expect(rows).toContainEqual([
      'deploy',
      'lock',
      'waiting',
      String(entries[1]?.ticket),
      String(waiter.pid),
      host,
      'echo a rather long command line',
      ago,
    ]);
    const kinds = rows.map(([name, kind, state]) => [name, kind, state]);
    expect(kinds).toContainEqual(['a resource with quite a name', 'semaphore(4)', 'holding ×2']);
    expect(kinds).toContainEqual(['readers', 'lock', 'holding shared']);
  });

  test('--json says the same to programs', async () => {
    await rig.hold('deploy');
    const { stdout } = await rig.run('status', '--json');
    const [entry] = await rig.entries('deploy');
    expect(JSON.parse(stdout)).toMatchObject([
      {
        resource: 'deploy',
        kind: 'lock',
        permits: 1,
        entries: [
          {
            state: 'holding',
            token: entry?.ticket,
            pid: entry?.owners.at(-1)?.pid,
            host: entry?.owners.at(-1)?.host,
            command: 'sh -c echo in $$; read -r _; exit 0',
            since: new Date(entry?.since ?? 0).toISOString(),
            stale: false,
          },
        ],
      },
    ]);
  });

  test('shows only the names it is given, free ones too; --all shows every one', async () => {
    await rig.hold('held');
    await rig.run('run', 'free', '--', 'true');
    expect(cellsOf((await rig.run('status', 'free')).stdout).map((row) => row.slice(0, 3))).toEqual([
      HEADINGS.slice(0, 3),
      ['free', 'lock', 'free'],
    ]);
    const all = cellsOf((await rig.run('status', '--all')).stdout).map(([name]) => name);
    expect(all.sort()).toEqual(['RESOURCE', 'free', 'held']);
  });

  test('of a name that does not exist exits 1 and says so; the others are shown, and in JSON each has its place', async () => {
    await rig.run('run', 'deploy', '--', 'true');
    const [words, json] = [await rig.run('status', 'depoly', 'deploy'), await rig.run('status', 'depoly', '--json')];
    const stderr = `lockstep: depoly: there is no such name in the store ${rig.storePath}: did you mean deploy?\n`;
    expect(words).toMatchObject({ status: 1, stderr });
    expect(cellsOf(words.stdout).map(([name]) => name)).toEqual(['RESOURCE', 'deploy']);
    expect(json).toMatchObject({ status: 1, stderr });
    expect(JSON.parse(json.stdout)).toMatchObject([{ resource: 'depoly', kind: null, entries: [] }]);
    expect(await rig.store.names()).toEqual(['deploy']);
  });

  test('marks an entry whose process is gone as stale', async () => {
    const shell = rig.script('lockstep acquire n --pid $$; read -r _');
    await shell.says('\n');
    shell.kill('SIGKILL');
    await shell.ended;
    const rows = cellsOf((await rig.run('status')).stdout);
    expect(rows[1]?.slice(0, 3)).toEqual(['n', 'lock', 'holding stale']);
    const json = JSON.parse((await rig.run('status', '--json')).stdout);
    expect(json[0].entries[0]).toMatchObject({ stale: true, pid: shell.pid });
  });

  test('shows control characters, and does not let them act', async () => {
    const name = 'a\x1b[31m\nb\x07\x9bc';
    const lease = await new Lock(name, { store: rig.store }).acquire({ label: 'x\x1b]0;title\x07\r\ny' });
    try {
      const { stdout } = await rig.run('status');
      const [, row] = cellsOf(stdout);
      expect(row?.[0]).toBe('a\\x1b[31m\\x0ab\\x07\\x9bc');
      expect(row?.[6]).toBe('x\\x1b]0;title\\x07\\x0d\\x0ay');
      expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
      const json = (await rig.run('status', '--json')).stdout;
      expect(json).not.toContain('\x1b');
      expect(JSON.parse(json)[0].resource).toBe(name);

      // The same for those who stand before it, or end it.
      const refused = await rig.run('run', name, '-n', '--', 'true');
      expect(refused.status).toBe(75);
      expect(refused.stderr.trimEnd()).not.toMatch(/\p{Cc}/u);
      const broken = await rig.run('break', name);
      expect(broken.stdout.trimEnd()).not.toMatch(/\p{Cc}/u);
    } finally {
      // It is broken by then, if all went well; if not, it must not outlive its store.
      await lease.release().catch(() => undefined);
    }
  });
});

describe('status of what is no lock', () => {
  test('says whether an event is set; one that is clear is nothing in use', async () => {
    await rig.run('event', 'set', 'ready');
    await rig.run('event', 'set', 'over');
    await rig.run('event', 'clear', 'over');
    const rows = async (...args: string[]) =>
      cellsOf((await rig.run('status', ...args)).stdout)
        .slice(1)
        .map((row) => row.join(' '));
    expect(await rows()).toEqual(['ready event set - - - - -']);
    expect(await rows('over')).toEqual(['over event clear - - - - -']);
    expect((await rows('--all')).sort()).toEqual(['over event clear - - - - -', 'ready event set - - - - -']);
    const json = JSON.parse((await rig.run('status', 'ready', 'over', 'never', '--json')).stdout);
    expect(json).toEqual([
      { resource: 'ready', kind: 'event', permits: 1, value: 1, entries: [] },
      { resource: 'over', kind: 'event', permits: 1, value: 0, entries: [] },
      { resource: 'never', kind: null, permits: null, value: null, entries: [] },
    ]);
  });

  test('says a counter’s number, and of a barrier its parties and that it is broken', async () => {
    await rig.run('counter', 'builds', '+41');
    await rig.run('barrier', 'start', '-p', '3', '--abort');
    const rows = cellsOf((await rig.run('status')).stdout).slice(1);
    expect(rows.map((row) => row.slice(0, 4)).sort()).toEqual([
      ['builds', 'counter', '41', '-'],
      ['start', 'barrier(3)', 'broken', '-'],
    ]);
    await rig.run('barrier', 'start', '--reset');
    expect(cellsOf((await rig.run('status', 'start')).stdout)[1]?.slice(0, 3)).toEqual(['start', 'barrier(3)', 'free']);
    const [counter] = JSON.parse((await rig.run('status', '--json')).stdout);
    expect(counter).toMatchObject({ resource: 'builds', kind: 'counter', value: 41 });
  });
});

describe('status of a deadlock', () => {
  /** Two commands that hold one and wait for the other, and one that stands behind the second. */
  async function knot(): Promise<void> {
    const commands = ['A', 'B'].map((first) => {
      const second = first === 'A' ? 'B' : 'A';
      const line = `echo in; read -r _; "$NODE" "$MAIN" run ${second} --no-deadlock-check -- true; :`;
      return rig.lockstep(['run', first, '-c', line]);
    });
    for (const command of commands) await command.says('in');
    for (const command of commands) command.write('\n');
    for (const name of ['A', 'B']) {
      await until(`who waits for ${name} says what it keeps`, async () =>
        (await rig.entries(name)).some(({ keeps }) => keeps.held.length > 0),
      );
    }
    rig.lockstep(['run', 'A', '--', 'true']);
    await rig.line('A', 1, 2);
    await rig.hold('C');
  }

  test('marks who is part of it in the table, and nobody else', async () => {
    await knot();
    const rows = cellsOf((await rig.run('status')).stdout).slice(1);
    expect(rows.map(([name, , state]) => `${name} ${state}`)).toEqual([
      'A holding deadlock',
      'A waiting deadlock',
      'A waiting',
      'B holding deadlock',
      'B waiting deadlock',
      'C holding',
    ]);
  });

  test('and in --json, though only one of its lines is named', async () => {
    await knot();
    const marks = async (...names: string[]) => {
      const lines = JSON.parse((await rig.run('status', ...names, '--json')).stdout);
      return lines.map(({ resource, entries }: { resource: string; entries: Array<{ deadlock: boolean }> }) => [
        resource,
        ...entries.map(({ deadlock }) => deadlock),
      ]);
    };
    expect(await marks('B')).toEqual([['B', true, true]]);
    expect(await marks('A')).toEqual([['A', true, true, false]]);
    expect(await marks('C')).toEqual([['C', false]]);
    expect(await marks('C', 'A')).toEqual([
      ['C', false],
      ['A', true, true, false],
    ]);
    expect(cellsOf((await rig.run('status', 'B')).stdout).map(([, , state]) => state)).toEqual([
      'STATE',
      'holding deadlock',
      'waiting deadlock',
    ]);
  });

  test('marks nobody where all can go on', async () => {
    await rig.hold('A');
    rig.lockstep(['run', 'B', '-c', '"$NODE" "$MAIN" run A -- true; :']);
    await rig.line('A', 1, 1);
    expect((await rig.run('status')).stdout).not.toContain('deadlock');
  });
});

describe('wait', () => {
  test('exits 0 at once if nobody holds, or ever held', async () => {
    expect(await rig.run('wait', 'n')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await rig.store.names()).toEqual([]);
    await rig.run('run', 'n', '--', 'true');
    expect((await rig.run('wait', 'n')).status).toBe(0);
  });

  test('ends when the holder has, and stands in nobody’s way', async () => {
    const holder = await rig.hold('n');
    const waiting = rig.lockstep(['wait', 'n']);
    // A later one has given up: the earlier one had time to end wrongly.
    expect((await rig.run('wait', 'n', '-w', '100ms')).status).toBe(75);
    expect(waiting.running).toBe(true);
    await rig.line('n', 1, 0);
    await holder.letGo();
    expect(await waiting.ended).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('ends when the holder’s shell was killed (SIGKILL)', async () => {
    const shell = rig.script('lockstep acquire n --pid $$; read -r _');
    await shell.says('\n');
    const waiting = rig.lockstep(['wait', 'n']);
    shell.kill('SIGKILL');
    expect((await waiting.ended).status).toBe(0);
  });

  test('-w: 75 after that long, or what -E says, and who holds it', async () => {
    await rig.hold('n');
    const { status, stderr } = await rig.run('wait', 'n', '-w', '50ms');
    expect(status).toBe(75);
    expect(stderr).toMatch(/^lockstep: n: not free within 50ms: held by pid \d+/);
    expect((await rig.run('wait', 'n', '-w', '0', '-E', '3')).status).toBe(3);
    expect((await rig.run('wait', 'n', '-w', 'soon')).status).toBe(64);
    expect((await rig.run('wait')).status).toBe(64);
  });
});

test('at a terminal that is too narrow the table’s commands are cut; elsewhere they are whole', async () => {
  const command = ['sh', '-c', `: ${'long '.repeat(30)}; echo in; read -r _`];
  const holder = rig.lockstep(['run', 'n', '--', ...command]);
  await holder.says('in');
  expect((await rig.run('status')).stdout).toContain('long long long ; echo in');
  const looked = rig.start('script', ['-qec', 'stty cols 100; "$NODE" "$MAIN" status', '/dev/null'], { input: '' });
  const lines = (await looked.ended).stdout.trimEnd().split(/\r?\n/);
  expect(lines).toHaveLength(2);
  for (const line of lines.map(stripVTControlCharacters)) expect(line.length).toBeLessThanOrEqual(100);
  expect(lines[1]).toMatch(/ {2}sh -c : long long .*… {2}.* ago$/);
  await holder.letGo();
});

describe('break', () => {
  test('evicts a live holder, says whom; its wrapper warns, and its end does not touch the successor', async () => {
    const holder = await rig.hold('n');
    const [, command] = await holder.says(/in (\d+)/);
    const [entry] = await rig.entries('n');
    const next = rig.visitor('n');
    await rig.line('n', 1, 1);
    const { status, stdout } = await rig.run('break', 'n', '--reason', 'it hangs');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^n: evicted token ${entry?.ticket}, holding: pid ${command} on \\S+ \\(sh -c .*\\)\n$`),
    );
    await holder.says(/lockstep: n: the lease with token \d+ is lost: it hangs/, 'stderr');
    await next.says('in');
    const [successor] = await rig.entries('n');
    expect(successor?.ticket).toBeGreaterThan(entry?.ticket ?? 0);
    expect(holder.running).toBe(true);
    expect((await holder.letGo()).status).toBe(75);
    expect(await rig.entries('n')).toMatchObject([{ ticket: successor?.ticket, state: 'holding' }]);
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    expect(await next.letGo()).toMatchObject({ status: 0, stderr: '' });
  });

  test('--waiting ends the waiters before the holder, so that none of them is let in on the way: it exits 75', async () => {
    await rig.hold('n');
    const waiter = rig.lockstep(['run', 'n', '--', 'touch', 'ran']);
    await rig.line('n', 1, 1);
    expect((await rig.run('break', 'n', '--waiting')).stdout).toMatch(
      /^n: evicted token \d+, waiting: .*\nn: evicted token \d+, holding: .*\n$/,
    );
    const { status, stderr } = await waiter.ended;
    expect(status).toBe(75);
    expect(stderr).toMatch(/taken out of the line while waiting: broken by force/);
    expect(rig.exists('ran')).toBe(false);
  });

  test('--token ends that entry and no other', async () => {
    await rig.hold('n');
    const waiter = rig.visitor('n');
    await rig.line('n', 1, 1);
    const [, waiting] = await rig.entries('n');
    await rig.run('break', 'n', '--token', '12345');
    await rig.line('n', 1, 1);
    await rig.run('break', 'n', '--token', String(waiting?.ticket));
    expect((await waiter.ended).status).toBe(75);
    await rig.line('n', 1, 0);
  });

  test('frees what a shell holds', async () => {
    const shell = rig.script('lockstep acquire n --pid $$; read -r _; lockstep release n --pid $$; echo "status $?"');
    await shell.says('\n');
    await rig.run('break', 'n');
    expect(await rig.entries('n')).toEqual([]);
    shell.write('\n');
    await shell.says('status 1');
  });

  test('of what nobody holds changes nothing, and says so', async () => {
    await rig.run('run', 'n', '--', 'true');
    expect(await rig.run('break', 'n')).toEqual({ status: 0, stdout: '', stderr: 'lockstep: n: nothing to break\n' });
    const token = await rig.run('break', 'n', '--token', '7');
    expect(token).toEqual({ status: 1, stdout: '', stderr: 'lockstep: n: no entry has token 7\n' });
  });

  test('of a name that does not exist exits 1 and says so', async () => {
    const { status, stdout, stderr } = await rig.run('break', 'n');
    const message = `lockstep: n: there is no such name in the store ${rig.storePath}\n`;
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: message });
    expect(await rig.store.names()).toEqual([]);
  });
});
