import fs from 'node:fs';
import path from 'node:path';
import { type EntryView, openStore } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FIXTURES, type Program, Rig, until } from '../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Starts a demo; its own temporary directory is made in the rig's. */
function demo(...args: string[]): Program {
  return rig.lockstep(['demo', ...args], { env: { TMPDIR: rig.directory }, input: '' });
}

/** The line of a name in the store of the demo that is running. */
async function lineInDemo(name: string): Promise<EntryView[]> {
  const [directory] = fs.readdirSync(rig.directory).filter((entry) => entry.startsWith('lockstep-demo-'));
  if (directory === undefined || !fs.existsSync(rig.path(directory, 'store'))) return [];
  return (await openStore(rig.path(directory, 'store')).snapshot(name))?.entries ?? [];
}

function lines(text: string): string[] {
  return text.trimEnd().split('\n');
}

describe('tickets', () => {
  test('ten look the count up; then exactly five buy, five go without, and none is left', async () => {
    const { status, stdout, stderr } = await demo('tickets', '--think', '300ms').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const said = lines(stdout);
    expect(said.slice(0, 10).map((line) => line.replace(/^person\d /, ''))).toEqual(Array(10).fill('looks: 5 left'));
    const people = said.slice(10, 20).map((line) => line.split(' ')[0]);
    expect(new Set(people).size).toBe(10);
    expect(said.slice(10, 15).every((line) => line.endsWith(' bought a ticket'))).toBe(true);
    expect(said.slice(15, 20).every((line) => line.endsWith(' goes without'))).toBe(true);
    expect(said.slice(20)).toEqual(['5 tickets, 5 sold, 5 went without; the file says 0 left']);
  });

  test('without a moment’s thought it is the same', async () => {
    const { status, stdout } = await demo('tickets', '--think', '0').ended;
    expect(status).toBe(0);
    expect(stdout.match(/bought a ticket/g)).toHaveLength(5);
    expect(stdout.match(/goes without/g)).toHaveLength(5);
    expect(stdout).toContain('the file says 0 left');
  });

  test('--unsafe oversells, and says why there is a lock', async () => {
    const { status, stdout } = await demo('tickets', '--unsafe').ended;
    expect(status).toBe(0);
    expect(stdout.match(/bought a ticket/g)?.length).toBeGreaterThan(5);
    expect(stdout).toContain('Oversold');
  });
});

describe('ktv', () => {
  test('never more than four inside, never fewer while somebody waits, and all ten in and out', async () => {
    const program = demo('ktv', '--scale', '0.02');
    // One detector is the store's own line, looked at all the while; the other one is what the guests say.
    const seen: Array<{ holding: number; waiting: number }> = [];
    while (program.running) {
      const entries = await lineInDemo('ktv');
      const holding = entries.filter(({ state }) => state === 'holding').length;
      seen.push({ holding, waiting: entries.length - holding });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { status, stdout } = await program.ended;
    expect(status).toBe(0);
    expect(seen.some(({ waiting }) => waiting > 0)).toBe(true);
    expect(seen.filter(({ holding, waiting }) => holding > 4 || (waiting > 0 && holding < 4))).toEqual([]);

    const said = lines(stdout);
    const inside = new Set<string>();
    let most = 0;
    for (const line of said.slice(0, 20)) {
      const [, person = '', goes] = line.match(/^(person\d) (goes in|comes out) /) ?? [];
      expect(goes === 'goes in' ? inside.has(person) : !inside.delete(person)).toBe(false);
      if (goes === 'goes in') inside.add(person);
      most = Math.max(most, inside.size);
    }
    expect({ left: inside.size, most }).toEqual({ left: 0, most: 4 });
    expect(new Set(said.slice(0, 20)).size).toBe(20);
    expect(said.slice(20)).toEqual(['All 10 have sung; never more than 4 at a time.']);
  });
});

describe('order', () => {
  test('ten processes that start at once speak one after another: no two overlap', async () => {
    const { status, stdout, stderr } = await demo('order').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const said = lines(stdout);
    const speakers = said.filter((_, at) => at % 2 === 0).map((line) => line.split(' ')[0]);
    expect(said).toEqual(speakers.flatMap((number) => [`${number} has the word`, `${number} is done`]));
    expect(speakers.sort()).toEqual(Array.from({ length: 10 }, (_, number) => String(number)));
  });
});

describe('lock', () => {
  test('the forgotten release ends at once, with an error that says who holds what', async () => {
    const { status, stdout } = await demo('lock').ended;
    expect(status).toBe(0);
    const said = lines(stdout);
    expect(said.slice(0, 4)).toEqual(['1: acquired', '1: released', '2: acquired', '2: released']);
    expect(said[4]).toContain('2: acquired again');
    expect(said[5]).toMatch(/^2: lock: a deadlock: .* Held by pid \d+ on \S+ \(node forgetful\.js\)/);
    expect(said).toHaveLength(6);
  });

  test('--no-deadlock-check hangs', async () => {
    const program = demo('lock', '--no-deadlock-check');
    await program.says('acquired again');
    await until('it waits', async () => (await lineInDemo('lock')).some(({ state }) => state === 'waiting'));
    // While a whole other run of it notices its deadlock and ends, this one does not.
    await rig.lockstep(['demo', 'lock'], { env: { TMPDIR: fs.mkdtempSync(rig.path('other-')) } }).ended;
    expect(program.running).toBe(true);
    expect((await lineInDemo('lock')).map(({ state, stale }) => ({ state, stale }))).toEqual([
      { state: 'holding', stale: false },
      { state: 'waiting', stale: false },
    ]);
    expect(lines(program.stdout)).toHaveLength(5);
  });
});

describe('a demo', () => {
  test.each([
    ['of no such name', ['demo', 'frobnicate']],
    ['without a name', ['demo']],
    ['with a bad duration', ['demo', 'tickets', '--think', 'long']],
    ['with a bad scale', ['demo', 'ktv', '--scale', '-1']],
  ])('%s exits 64', async (_, args) => {
    const { status, stdout, stderr } = await rig.run(...args);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toMatch(/^lockstep: .*\n/);
  });

  test('leaves nothing behind in the temporary directory, nor in the user’s store', async () => {
    await demo('order').ended;
    expect(fs.readdirSync(rig.directory)).toEqual([]);
  });
});

describe('a fixture run by hand, without anybody who says go,', () => {
  function byHand(name: string, ...args: string[]) {
    return rig.start(process.execPath, [path.join(FIXTURES, `${name}.js`), ...args], { input: '' }).ended;
  }

  test('buyer buys', async () => {
    rig.write('ticket.json', '{"count": 1}');
    expect((await byHand('buyer', 'ticket.json', 'Ann', '0')).stdout).toBe('Ann looks: 1 left\nAnn bought a ticket\n');
    expect((await byHand('buyer', 'ticket.json', 'Bob', '0')).stdout).toBe('Bob looks: 0 left\nBob goes without\n');
    expect(JSON.parse(rig.read('ticket.json'))).toEqual({ count: 0 });
  });

  test('buyer --unsafe buys', async () => {
    rig.write('ticket.json', '{"count": 1}');
    const { status, stdout } = await byHand('buyer', 'ticket.json', 'Ann', '0', '--unsafe');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Ann looks: 1 left\nAnn bought a ticket\n' });
    expect(JSON.parse(rig.read('ticket.json'))).toEqual({ count: 0 });
  });

  test('singer sings', async () => {
    const result = await byHand('singer', 'Ann', '0');
    expect(result).toEqual({ status: 0, stdout: 'Ann goes in\nAnn comes out\n', stderr: '' });
    expect(await rig.store.names()).toEqual(['ktv']);
  });

  test('speaker speaks', async () => {
    expect(await byHand('speaker', '3')).toEqual({ status: 0, stdout: '3 has the word\n3 is done\n', stderr: '' });
  });

  test('forgetful is told', async () => {
    const { status, stdout } = await byHand('forgetful');
    expect(status).toBe(0);
    expect(stdout).toMatch(/2: lock: a deadlock/);
    expect(await rig.entries('lock')).toEqual([]);
  });
});

describe('daemon', () => {
  test('a daemon is ended when main’s own code ends, and never says its end', async () => {
    const { status, stdout, stderr } = await demo('daemon').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(lines(stdout)).toEqual(['main starts', 'the daemon starts', 'main ends']);
  });
});

test('the demo daemon runs from a shell’s pipe, without a terminal, in an empty environment', async () => {
  const script = rig.script('env -i "$NODE" "$MAIN" demo daemon --scale 0.2 < /dev/null | cat');
  expect(await script.ended).toEqual({
    status: 0,
    stdout: 'main starts\nthe daemon starts\nmain ends\n',
    stderr: '',
  });
});

describe('daemons', () => {
  test('the daemon ends with main’s code; the ordinary child finishes, and then main exits', async () => {
    const { status, stdout, stderr } = await demo('daemons', '--scale', '0.3').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const said = lines(stdout).filter((line) => !/^\*+$/.test(line));
    expect(said).toEqual(['main’s code ends', 'the ordinary child works', 'the ordinary child is done', 'main exits']);
    // Stars would be two or three by then if the daemon had been let go on.
    expect(stdout).not.toContain('**');
  });

  test('from a shell’s pipe, without a terminal, in an empty environment', async () => {
    const script = rig.script('env -i "$NODE" "$MAIN" demo daemons --scale 0.1 < /dev/null | cat', {
      env: { TMPDIR: rig.directory },
    });
    const { status, stdout, stderr } = await script.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(lines(stdout).at(-1)).toBe('main exits');
  });
});

describe('alive', () => {
  test('reports flow while the work runs; when main has ended, the monitor calls the host abnormal', async () => {
    const { status, stdout, stderr } = await demo('alive', '--scale', '0.5').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const said = lines(stdout);
    expect(said.slice(-2)).toEqual(['main ends', 'monitor: the host is abnormal: it is gone (its process is gone)']);
    expect(said.indexOf('monitor: the host is alive')).toBeLessThan(said.indexOf('the day’s log is packed'));
    expect(said.filter((line) => line === 'I am OK').length).toBeGreaterThan(1);
  });

  test('from a shell’s pipe, without a terminal, in an empty environment', async () => {
    const script = rig.script('env -i "$NODE" "$MAIN" demo alive --scale 0.1 < /dev/null | tail -n 1');
    const { status, stdout, stderr } = await script.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^monitor: the host is abnormal: it is gone/);
  });
});
