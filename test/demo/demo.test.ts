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

/** What a demo says first, what its processes say, and what it concludes. */
function partsOf(text: string): { about: string; said: string[]; conclusion: string } {
  const [about = '', body = '', ...rest] = text.trimEnd().split('\n\n');
  return { about, said: body.split('\n'), conclusion: rest.join('\n\n') };
}

describe('tickets', () => {
  test('ten look the count up; then exactly five buy, five go without, and none is left', async () => {
    const { status, stdout, stderr } = await demo('tickets', '--think', '300ms').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { said, conclusion } = partsOf(stdout);
    expect(said.slice(0, 10).map((line) => line.replace(/^person\d /, ''))).toEqual(Array(10).fill('looks: 5 left'));
    const people = said.slice(10, 20).map((line) => line.split(' ')[0]);
    expect(new Set(people).size).toBe(10);
    expect(said.slice(10, 15).every((line) => line.endsWith(' bought a ticket'))).toBe(true);
    expect(said.slice(15, 20).every((line) => line.endsWith(' goes without'))).toBe(true);
    expect(said).toHaveLength(20);
    expect(conclusion).toBe('5 tickets, 10 buyers: 5 sold, 5 turned away, none oversold; the file says 0 left.');
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
    expect(partsOf(stdout).conclusion).toMatch(/, [1-5] oversold; .* That is what the lock prevents\.$/);
  });
});

describe('tickets --hot', () => {
  test('thousands are sold, the writer is killed in the middle, and the database is right at the end', async () => {
    const { status, stdout, stderr } = await demo('tickets', '--hot', '--tickets', '500').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { said, conclusion } = partsOf(stdout);
    expect(said.filter((line) => line.startsWith('the writer is killed: '))).toHaveLength(1);
    const bought = said
      .filter((line) => /^person\d bought \d+$/.test(line))
      .map((line) => Number(line.split(' ').at(-1)));
    expect(bought).toHaveLength(10);
    expect(bought.reduce((sum, one) => sum + one, 0)).toBe(500);
    expect(conclusion).toMatch(
      /^500 tickets, 10 buyers: 500 sold, \d+ a second, none oversold; the database says 0 left, and has 500 orders, each of them once\.$/,
    );
    expect(fs.readdirSync(rig.directory).filter((name) => name.startsWith('lockstep-demo-'))).toEqual([]);
  });

  test('what can never be right is refused in words', async () => {
    expect(await demo('tickets', '--back', 'x.sqlite').ended).toMatchObject({ status: 64 });
    expect(await demo('tickets', '--hot', '--tickets', '3').ended).toMatchObject({ status: 64 });
    const { status, stderr } = await demo('tickets', '--hot', '--hot-store', 'redis://:hunter2@h').ended;
    expect(status).toBe(64);
    expect(stderr).not.toContain('hunter2');
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

    const { said, conclusion } = partsOf(stdout);
    const inside = new Set<string>();
    let most = 0;
    for (const line of said) {
      const [, person = '', goes] = line.match(/^(person\d) (goes in|comes out) /) ?? [];
      expect(goes === 'goes in' ? inside.has(person) : !inside.delete(person)).toBe(false);
      if (goes === 'goes in') inside.add(person);
      most = Math.max(most, inside.size);
    }
    expect({ left: inside.size, most }).toEqual({ left: 0, most: 4 });
    expect([said.length, new Set(said).size]).toEqual([20, 20]);
    expect(conclusion).toBe('10 guests, a room for 4: 10 have sung, never more than 4 at a time.');
  });
});

describe('order', () => {
  test('ten processes that start at once speak one after another: no two overlap', async () => {
    const { status, stdout, stderr } = await demo('order').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { said, conclusion } = partsOf(stdout);
    const speakers = said.filter((_, at) => at % 2 === 0).map((line) => line.split(' ')[0]);
    expect(said).toEqual(speakers.flatMap((number) => [`${number} has the word`, `${number} is done`]));
    expect(speakers.sort()).toEqual(Array.from({ length: 10 }, (_, number) => String(number)));
    expect(conclusion).toBe('10 processes, one lock: 10 have spoken, no two at the same time.');
  });
});

describe('lock', () => {
  test('the forgotten release ends at once, with an error that says who holds what', async () => {
    const { status, stdout } = await demo('lock').ended;
    expect(status).toBe(0);
    const { said, conclusion } = partsOf(stdout);
    expect(said.slice(0, 4)).toEqual(['1: acquired', '1: released', '2: acquired', '2: released']);
    expect(said[4]).toContain('2: acquired again');
    expect(said[5]).toMatch(/^2: lock: a deadlock: .* Held by pid \d+ on \S+ \(node forgetful\.js\)/);
    expect(said).toHaveLength(6);
    expect(conclusion).toMatch(
      /^4 acquires: 3 granted; the last one, which could never be, was refused within \d+ ms\.$/,
    );
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
    expect(partsOf(program.stdout)).toMatchObject({ said: { length: 5 }, conclusion: '' });
  });
});

describe('a demo', () => {
  test.each([
    ['of no such name', ['demo', 'frobnicate']],
    ['with a bad duration', ['demo', 'tickets', '--think', 'long']],
    ['with a bad scale', ['demo', 'ktv', '--scale', '-1']],
  ])('%s exits 64', async (_, args) => {
    const { status, stdout, stderr } = await rig.run(...args);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toMatch(/^lockstep: .*\n/);
  });

  test('without a name is a list of them all, each in one line', async () => {
    const { status, stdout, stderr } = await rig.run('demo');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const listed = stdout.split('\n').flatMap((line) => /^ {2}(\w+) {2,}\S/.exec(line)?.[1] ?? []);
    for (const line of stdout.split('\n').filter((one) => one.startsWith('  ')))
      expect(line.length).toBeLessThanOrEqual(80);
    expect(listed).toEqual(['tickets', 'order', 'ktv', 'lock', 'daemon', 'daemons', 'alive']);
  });

  test('says first what it shows, in two sentences at most', async () => {
    for (const name of ['tickets', 'order', 'ktv', 'lock', 'daemon', 'daemons', 'alive']) {
      const program = demo(name, '--think', '0', '--scale', '0.1');
      const [, about = ''] = await program.says(/^(.+)\n\n/);
      expect(about.match(/\.( |$)/g)?.length, about).toBeLessThanOrEqual(2);
      program.kill('SIGTERM');
      expect(await program.ended).toMatchObject({ status: 'SIGTERM', stderr: '' });
    }
    expect(fs.readdirSync(rig.directory)).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'that %s ends leaves no file and no process behind, and its caller sees the signal',
    async (signal) => {
      const program = demo('ktv', '--scale', '10');
      await program.says('4 inside');
      program.kill(signal);
      expect((await program.ended).status).toBe(signal);
      expect(fs.readdirSync(rig.directory)).toEqual([]);
    },
  );

  test('whose reader stops early ends, and leaves nothing behind', async () => {
    const script = rig.script('{ "$NODE" "$MAIN" demo ktv --scale 10; echo "$?" >&2; } | head -n 1', {
      env: { TMPDIR: rig.directory },
    });
    const { stdout, stderr } = await script.ended;
    expect(stdout).toMatch(/^10 guests, .*\n$/);
    expect(stderr).toBe('0\n');
    expect(fs.readdirSync(rig.directory).filter((name) => name.startsWith('lockstep-'))).toEqual([]);
  });

  test('asks for no store of the user’s, also where the environment names one on servers', async () => {
    const env = { TMPDIR: rig.directory, LOCKSTEP_STORE: 'etcd://127.0.0.1:1/none' };
    expect(await rig.lockstep(['demo', 'order'], { env, input: '' }).ended).toMatchObject({ status: 0, stderr: '' });
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

  test('forgetful gets an error', async () => {
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
    const { said, conclusion } = partsOf(stdout);
    expect(said).toEqual(['main starts', 'the daemon starts', 'main ends']);
    expect(conclusion).toMatch(/^Main ended after \d\.\d s; the daemon, whose work takes 2\.0 s, was ended with it\.$/);
  });
});

test('the demo daemon runs from a shell’s pipe, without a terminal, in an empty environment', async () => {
  const script = rig.script('env -i "$NODE" "$MAIN" demo daemon --scale 0.2 < /dev/null | cat');
  const { status, stdout, stderr } = await script.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(partsOf(stdout).said).toEqual(['main starts', 'the daemon starts', 'main ends']);
});

describe('daemons', () => {
  test('the daemon ends with main’s code; the ordinary child finishes, and then main exits', async () => {
    const { status, stdout, stderr } = await demo('daemons', '--scale', '0.3').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { said, conclusion } = partsOf(stdout);
    expect(said.filter((line) => !/^\*+$/.test(line))).toEqual([
      'main’s code ends',
      'the ordinary child works',
      'the ordinary child is done',
      'main exits',
    ]);
    // Stars would be two or three by then if the daemon had been let go on.
    expect(stdout).not.toContain('**');
    expect(conclusion).toMatch(
      /printed [01] rows of stars; the ordinary child worked for .* s, to its end, and main exited/,
    );
  });

  test('from a shell’s pipe, without a terminal, in an empty environment', async () => {
    const script = rig.script('env -i "$NODE" "$MAIN" demo daemons --scale 0.1 < /dev/null | cat', {
      env: { TMPDIR: rig.directory },
    });
    const { status, stdout, stderr } = await script.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(partsOf(stdout).said.at(-1)).toBe('main exits');
  });
});

describe('alive', () => {
  test('reports flow while the work runs; when main has ended, the monitor calls the host abnormal', async () => {
    const { status, stdout, stderr } = await demo('alive', '--scale', '0.5').ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { said, conclusion } = partsOf(stdout);
    expect(said.slice(-2)).toEqual(['main ends', 'monitor: the host is abnormal: it is gone (its process is gone)']);
    expect(said.indexOf('monitor: the host is alive')).toBeLessThan(said.indexOf('the day’s log is packed'));
    const reports = said.filter((line) => line === 'I am OK').length;
    expect(reports).toBeGreaterThan(1);
    expect(conclusion).toMatch(
      /^\d+ reports while main ran, and [01] after its end, which the monitor noticed within \d+\.\d s\.$/,
    );
  });

  test('with a watchdog that takes longer to start than the work takes: it reports before main ends', async () => {
    const slow = `const fs = require('node:fs');
if (process.argv[1]?.endsWith('child-main.js'))
  try {
    fs.writeFileSync(${JSON.stringify(rig.path('first-child'))}, '', { flag: 'wx' });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  } catch {}`;
    rig.write('slow.cjs', slow);
    const env = { TMPDIR: rig.directory, NODE_OPTIONS: `--require="${rig.path('slow.cjs')}"` };
    const { status, stdout } = await rig.lockstep(['demo', 'alive', '--scale', '0'], { env, input: '' }).ended;
    expect(status).toBe(0);
    expect(rig.exists('first-child')).toBe(true);
    expect(stdout).toMatch(/I am OK.*main ends.*monitor: the host is abnormal: it is gone/s);
  });

  test('from a shell’s pipe, without a terminal, in an empty environment', async () => {
    const script = rig.script('env -i "$NODE" "$MAIN" demo alive --scale 0.1 < /dev/null | tail -n 3');
    const { status, stdout, stderr } = await script.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^monitor: the host is abnormal: it is gone/);
  });
});
