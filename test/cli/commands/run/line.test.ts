import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Program, Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Of several, those that are in by now. */
function inside(programs: readonly Program[]): Program[] {
  return programs.filter(({ running, stdout }) => running && stdout.includes('in '));
}

describe('a lock', () => {
  test('lets one in at a time, in the order in which they came', async () => {
    const first = await rig.hold('n');
    const second = rig.visitor('n');
    await rig.line('n', 1, 1);
    const third = rig.visitor('n');
    await rig.line('n', 1, 2);
    expect(inside([first, second, third])).toEqual([first]);
    await first.letGo();
    await second.says('in');
    expect(third.stdout).toBe('');
    await second.letGo();
    await third.says('in');
    expect((await third.letGo()).status).toBe(0);
    expect(await rig.entries('n')).toEqual([]);
  });

  test('a dozen that read, add and write one file at the same time lose no update', async () => {
    const file = rig.write('counter', '0\n');
    const command = 'read -r n < "$0"; n=$((n + 1)); echo "$n" > "$0"';
    const runs = Array.from({ length: 12 }, () => rig.run('run', 'n', '--', 'sh', '-c', command, file));
    const results = await Promise.all(runs);
    expect(results.filter(({ status, stderr }) => status !== 0 || stderr !== '')).toEqual([]);
    expect(rig.read('counter')).toBe('12\n');
  });
});

describe('-p 4', () => {
  test('lets four in at once, and the fifth when one of them leaves', async () => {
    const guests = Array.from({ length: 6 }, () => rig.visitor('room', '-p', '4'));
    await rig.line('room', 4, 2);
    const early = guests.map((guest) => guest.says('in ').then(() => guest));
    for (let left = 6; left > 0; left--) {
      const holding = Math.min(4, left);
      await rig.line('room', holding, left - holding);
      const guest = await Promise.race(early.filter((_, at) => guests[at]?.running));
      expect(inside(guests).length).toBeLessThanOrEqual(4);
      expect((await guest.letGo()).status).toBe(0);
    }
    expect(guests.every(({ stdout }) => stdout.startsWith('in '))).toBe(true);
  });

  test('never five, say two detectors that know nothing of each other', async () => {
    // One is the kernel: a slot is a directory, and of two who make the same one, one fails. The other is
    // a log of who came and went, in the order of its appends.
    const command = `
      for number in 0 1 2 3; do mkdir "slot.$number" 2>/dev/null && { slot=$number; break; }; done
      echo + >> log
      [ -n "$slot" ] || echo 'no slot' >> overlaps
      # The first ones stay until two are in, so that there is an overlap to be seen.
      until [ -e met ] || [ "$(grep -c + log)" -gt 1 ]; do sleep 0.01; done; : > met
      echo - >> log
      [ -z "$slot" ] || rmdir "slot.$slot"`;
    const runs = Array.from({ length: 16 }, () => rig.run('run', 'room', '-p', '4', '-c', command));
    expect((await Promise.all(runs)).every(({ status }) => status === 0)).toBe(true);
    expect(rig.exists('overlaps')).toBe(false);
    let count = 0;
    const counts = rig
      .read('log')
      .trim()
      .split('\n')
      .map((sign) => {
        count += sign === '+' ? 1 : -1;
        return count;
      });
    expect(counts).toHaveLength(32);
    expect(Math.max(...counts)).toBeLessThanOrEqual(4);
    expect(Math.max(...counts)).toBeGreaterThan(1);
  });

  test('--take takes several', async () => {
    await rig.hold('room', '-p', '4', '--take', '3');
    expect((await rig.run('run', 'room', '-p', '4', '--take', '2', '-n', '--', 'true')).status).toBe(75);
    expect((await rig.run('run', 'room', '-p', '4', '-n', '--', 'true')).status).toBe(0);
  });
});

describe('-s', () => {
  test('shares with -s, and excludes -x and plain', async () => {
    const first = await rig.hold('n', '-s');
    const second = await rig.hold('n', '--shared');
    expect((await rig.run('run', 'n', '-x', '-n', '--', 'true')).status).toBe(75);
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    const writer = rig.visitor('n', '-e');
    await rig.line('n', 2, 1);
    await first.letGo();
    await rig.line('n', 1, 1);
    await second.letGo();
    await writer.says('in');
    expect((await rig.run('run', 'n', '-s', '-n', '--', 'true')).status).toBe(75);
  });

  test('does not overtake a writer that waits, who would else starve', async () => {
    const first = await rig.hold('n', '-s');
    const writer = rig.visitor('n');
    await rig.line('n', 1, 1);
    const reader = rig.visitor('n', '-s');
    await rig.line('n', 1, 2);
    await first.letGo();
    await writer.says('in');
    expect(reader.stdout).toBe('');
    await writer.letGo();
    await reader.says('in');
  });
});

describe('a signal', () => {
  test.each(['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGQUIT'] as const)(
    '%s to the wrapper reaches the command, whose status is passed on',
    async (signal) => {
      const short = signal.slice(3);
      const command = `trap 'echo got ${short}; exit 7' ${short}; echo in; while read -r _; do :; done; exit 1`;
      const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', command]);
      await program.says('in');
      program.kill(signal);
      expect(await program.ended).toEqual({ status: 7, stdout: `in\ngot ${short}\n`, stderr: '' });
      expect(await rig.entries('n')).toEqual([]);
    },
  );

  test('that ends the command ends the wrapper with 128 + n', async () => {
    const program = await rig.hold('n');
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(143);
    expect(await rig.entries('n')).toEqual([]);
  });

  test('that the command survives leaves it the lock', async () => {
    const command = `trap '' HUP; echo in; read -r _; exit 0`;
    const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', command]);
    await program.says('in');
    program.kill('SIGHUP');
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    expect((await program.letGo()).status).toBe(0);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s while waiting leaves nothing in line', async (signal) => {
    const holder = await rig.hold('n');
    const waiter = rig.lockstep(['run', 'n', '--', 'touch', 'ran']);
    await rig.line('n', 1, 1);
    waiter.kill(signal);
    const { status } = await waiter.ended;
    expect([signal, { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]]).toContain(status);
    expect(await rig.entries('n')).toHaveLength(1);
    await holder.letGo();
    expect(await rig.entries('n')).toEqual([]);
    expect(rig.exists('ran')).toBe(false);
  });
});

test('Ctrl-C at a terminal reaches the command once, not twice', async () => {
  const command = rig.write(
    'count.sh',
    `trap 'n=$((n + 1)); echo "got $n"' INT; echo in; read -r a; read -r b; echo "n=$n"`,
  );
  const terminal = rig.start('script', ['-qec', `"$NODE" "$MAIN" run n -- sh '${command}'`, '/dev/null']);
  await terminal.says('in');
  terminal.write('\x03');
  await terminal.says('got 1');
  terminal.write('a\nb\n');
  await terminal.says('n=1');
  expect((await terminal.letGo()).stdout).not.toContain('got 2');
});

describe('a wrapper that is killed (SIGKILL)', () => {
  test('while it waits is passed over', async () => {
    const holder = await rig.hold('n');
    const waiter = rig.lockstep(['run', 'n', '--', 'touch', 'ran']);
    await rig.line('n', 1, 1);
    waiter.kill('SIGKILL');
    await waiter.ended;
    const next = rig.visitor('n');
    await holder.letGo();
    await next.says('in');
    expect(rig.exists('ran')).toBe(false);
  });

  test('does not free the lock while its command runs; then the next gets in', async () => {
    const gate = rig.gate('gate');
    const holder = rig.lockstep(['run', 'n', '--', 'sh', '-c', 'echo in $$; read -r _ < gate']);
    const [, command] = await holder.says(/in (\d+)\n/);
    holder.kill('SIGKILL');
    await holder.exited();
    const next = rig.visitor('n');
    await rig.line('n', 1, 1);
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    const { stdout } = await rig.run('status', '--json');
    expect(JSON.parse(stdout)[0].entries).toMatchObject([
      { state: 'holding', pid: Number(command), stale: false },
      { state: 'waiting' },
    ]);
    expect(next.stdout).toBe('');
    gate.open();
    await next.says('in');
  });

  test('and its command too: the next gets in', async () => {
    const holder = await rig.hold('n');
    const next = rig.visitor('n');
    await rig.line('n', 1, 1);
    holder.destroy();
    await next.says('in');
  });

  test('a daemon that the command leaves behind keeps nothing', async () => {
    const gate = rig.gate('gate');
    const command = 'setsid sleep 60 >/dev/null 2>&1 </dev/null & echo "daemon $!"; read -r _ < gate';
    const holder = rig.lockstep(['run', 'n', '--', 'sh', '-c', command]);
    const [, pid] = await holder.says(/daemon (\d+)\n/);
    const daemon = rig.stray(Number(pid));
    holder.kill('SIGKILL');
    await holder.exited();
    const next = rig.visitor('n');
    await rig.line('n', 1, 1);
    gate.open();
    await next.says('in');
    expect(() => process.kill(daemon, 0)).not.toThrow();
  });
});

test('a daemon that the command leaves behind keeps nothing, nor does run wait for it', async () => {
  const command = 'setsid sleep 60 >/dev/null 2>&1 </dev/null & echo "$!"';
  const { status, stdout } = await rig.run('run', 'n', '--', 'sh', '-c', command);
  const daemon = rig.stray(Number(stdout));
  expect(status).toBe(0);
  expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(0);
  expect(() => process.kill(daemon, 0)).not.toThrow();
});

/** Runs `lockstep run n -- echo got` with a terminal for all its streams. */
function onTerminal(options: string): Program {
  return rig.start('script', ['-qec', `"$NODE" "$MAIN" run n ${options} -- echo got`, '/dev/null']);
}

describe('a waiting run', () => {
  test('says nothing without a terminal, unless asked with -v: then once who is in the way', async () => {
    const holder = await rig.hold('n');
    const silent = rig.lockstep(['run', 'n', '--', 'true']);
    await rig.line('n', 1, 1);
    const verbose = rig.lockstep(['run', 'n', '-v', '--', 'true']);
    // It came later: when it speaks, the time for the silent one to speak is over too.
    await verbose.says('waiting; held by', 'stderr');
    await holder.letGo();
    expect((await silent.ended).stderr).toBe('');
    expect((await verbose.ended).stderr).toMatch(
      /^lockstep: n: waiting; held by pid \d+ \(sh -c echo in .*\) on \S+ for .*\nlockstep: n: acquired after .*\n$/,
    );
  });

  test('on a terminal shows in one line who is in the way, and nothing is left of it', async () => {
    const holder = await rig.hold('n');
    const terminal = onTerminal('');
    await terminal.says(/n: waiting; held by pid \d+ \(sh -c/);
    await holder.letGo();
    await terminal.says('got');
    const { stdout } = await terminal.letGo();
    expect(stdout.split('\r\x1b[2K').at(-1)).toBe('got\r\n');
    expect(stdout.match(/\n/g)).toHaveLength(1);
  });

  test('on a terminal says nothing with -q, nor if it need not wait', async () => {
    expect((await onTerminal('').ended).stdout).toBe('got\r\n');
    const holder = await rig.hold('n');
    const quiet = onTerminal('-q');
    await rig.line('n', 1, 1);
    const verbose = rig.lockstep(['run', 'n', '-v', '--', 'true']);
    await verbose.says('waiting; held by', 'stderr');
    await holder.letGo();
    expect((await quiet.ended).stdout).toBe('got\r\n');
  });
});
