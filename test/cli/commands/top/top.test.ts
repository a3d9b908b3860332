import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Counter, Lock, Semaphore } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasPython } from '../../../docs/python.ts';
import { isAlive, MAIN, type Program, Rig, until } from '../../../support/cli-rig.ts';
import { Pty, type PtyOptions } from '../../../support/pty.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Starts `lockstep top …` in a terminal of its own, and waits until it has drawn. */
async function watching(args: readonly string[] = [], options: PtyOptions = {}): Promise<Pty> {
  const top = await Pty.start(rig, [process.execPath, MAIN, 'top', ...args], options);
  await top.shows('lockstep top');
  return top;
}

/** How a person finds the terminal again. */
function expectRestored(top: Pty): void {
  expect(top.flags).toEqual(top.flagsBefore);
  expect({ isAlternate: top.isAlternate, isCursorShown: top.isCursorShown, wraps: top.wraps }).toEqual({
    isAlternate: false,
    isCursorShown: true,
    wraps: true,
  });
}

async function waiter(name: string, waiting: number): Promise<Program> {
  const program = rig.visitor(name);
  await rig.line(name, 1, waiting);
  return program;
}

/** One whose entry is stale now. Nobody is left who writes into the store. */
async function killedHolder(name: string): Promise<void> {
  const holder = await rig.hold(name);
  const pid = (await rig.entries(name))[0]?.owners.at(-1)?.pid ?? 0;
  holder.kill('SIGKILL');
  await holder.exited();
  process.kill(pid, 'SIGKILL');
  await until('its command is gone', () => !isAlive(pid));
}

/** Every file and directory in a directory, and what would tell that it was touched. */
function traces(directory: string): Record<string, unknown> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    ['.', ...names].map((name) => {
      const { ino, size, mtimeMs, ctimeMs, mode } = fs.lstatSync(path.join(directory, name));
      return [name, { ino, size, mtimeMs, ctimeMs, mode }];
    }),
  );
}

/** Ends an epoch as a writer does that is killed before it could make the next one. */
function leaveSealed(name: string): void {
  fs.appendFileSync(rig.path('store/resources', name, 'journal.1'), '\n["seal","dead:seal1",1]');
}

/** A module that breaks the program from inside, on SIGUSR2. */
function breaking(code: string): Record<string, string> {
  const file = rig.write('break.mjs', `import fs from 'node:fs';\nprocess.on('SIGUSR2', () => { ${code} });\n`);
  return { NODE_OPTIONS: `--import="${pathToFileURL(file)}"` };
}

describe('where there is no terminal', () => {
  test('it prints how it is now, as plain text, and exits 0', async () => {
    const holder = await rig.hold('deploy');
    await waiter('deploy', 1);
    const [held, waits] = await rig.entries('deploy');
    const { status, stdout, stderr } = await rig.run('top');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toContain('\x1b');
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(
      new RegExp(`^lockstep top  ${rig.storePath}  1 resource, 1 holder, 1 waiter  \\d\\d:\\d\\d:\\d\\d$`),
    );
    expect(lines[1]).toMatch(/^ {2}STATE +PID +AGE +WAITS FOR +COMMAND$/);
    expect(lines[2]).toBe('deploy  lock  1 holding, 1 waiting');
    const command = 'sh -c echo in \\$\\$; read -r _; exit 0';
    expect(lines[3]).toMatch(new RegExp(`^ {2}holding +${held?.owners.at(-1)?.pid} +\\d+s +- +${command}$`));
    expect(lines[4]).toMatch(
      new RegExp(
        `^ {2}waiting +${waits?.owners.at(-1)?.pid} +\\d+s +${held?.owners.at(-1)?.pid} +lockstep run deploy|${command}$`,
      ),
    );
    expect(lines).toHaveLength(5);
    await holder.letGo();
  });

  test('names that are given are shown also if they are free, and no others', async () => {
    await rig.hold('deploy');
    await new Counter('built', { store: rig.store }).add(3);
    const { stdout } = await rig.run('top', 'built', 'never');
    expect(stdout.split('\n').slice(1, -1)).toEqual(['built  counter  3', 'never  never used']);
  });

  test('a reader who has gone is no disaster', async () => {
    await rig.hold('deploy');
    const { status, stderr } = await rig.script('lockstep top | true; echo done >&2', { input: '' }).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'done\n' });
  });

  test('a wrong option is an error', async () => {
    for (const args of [['-d', '10ms'], ['-d', 'soon'], ['']])
      expect((await rig.run('top', ...args)).status, args.join(' ')).toBe(64);
    fs.symlinkSync(rig.directory, rig.storePath);
    fs.mkdirSync(rig.path('resources'));
    const { status, stdout, stderr } = await rig.run('top');
    expect({ status, stdout }).toEqual({ status: 74, stdout: '' });
    expect(stderr).toMatch(/cannot be trusted: it is a symbolic link/);
  });

  test('one journal that is damaged hides none of the others', async () => {
    await rig.hold('deploy');
    fs.mkdirSync(rig.path('store/resources/broken'));
    rig.write('store/resources/broken/journal.1', 'garbage');
    const { status, stdout } = await rig.run('top');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^broken {2}cannot be read: broken: its journal in .* its first line is not the header/m);
    expect(stdout).toMatch(/^deploy {2}lock {2}1 holding$/m);
  });
});

describe('it only looks', () => {
  test('no store is made where there is none', async () => {
    const { status, stdout } = await rig.run('top');
    expect(status).toBe(0);
    expect(stdout).toContain(`There is nothing in ${rig.storePath} yet.`);
    expect(rig.exists('store')).toBe(false);
  });

  test('nothing in a store changes: nobody dead is evicted, and a journal that was left sealed stays so', async () => {
    await rig.run('run', 'sealed', '--', 'true');
    leaveSealed('sealed');
    await killedHolder('deploy');
    const before = traces(rig.storePath);
    const { stdout } = await rig.run('top');
    expect(stdout).toMatch(/^ {2}holding stale /m);
    expect((await rig.run('top', 'sealed')).stdout).toMatch(/^sealed {2}lock {2}free$/m);
    expect(traces(rig.storePath)).toEqual(before);
  });
});

describe.skipIf(!hasPython)('on a terminal (needs python3 for a pseudo terminal)', () => {
  test('a holder appears, a waiter shows whom it waits for, and who leaves vanishes, with no key pressed', async () => {
    const top = await watching();
    await top.shows(`There is nothing in ${rig.storePath} yet.`);
    expect({ isAlternate: top.isAlternate, isCursorShown: top.isCursorShown }).toEqual({
      isAlternate: true,
      isCursorShown: false,
    });
    const holder = await rig.hold('deploy');
    await top.shows(/deploy {2}lock {2}1 holding\n {2}holding +\d+ +\d+s +- +sh -c/);
    const first = await waiter('deploy', 1);
    const [held] = await rig.entries('deploy');
    const holding = held?.owners.at(-1)?.pid;
    await top.shows(new RegExp(` {2}waiting +${first.pid} +\\d+s +${holding} +sh -c`));
    const second = await waiter('deploy', 2);
    await top.shows(new RegExp(` {2}waiting +${second.pid} +\\d+s +${holding}, behind ${first.pid} +sh -c`));
    expect(top.lines[0]).toMatch(/1 resource, 1 holder, 2 waiters {2}\d\d:\d\d:\d\d$/);
    await holder.letGo();
    await top.shows('deploy  lock  1 holding, 1 waiting\n');
    await first.letGo();
    await second.letGo();
    await top.shows('There are no holders and no waiters.');
    expect(top.screen).not.toContain('deploy');
  });

  test('the most contended comes first', async () => {
    await rig.hold('a');
    await rig.hold('b');
    const top = await watching();
    await top.shows(/a {2}lock[\s\S]*b {2}lock/);
    await waiter('b', 1);
    await top.shows(/b {2}lock[\s\S]*a {2}lock/);
  });

  test('a holder that was killed is shown as stale, without anything being written', async () => {
    const victim = rig.start('sh', ['-c', 'read -r _']);
    await rig.run('acquire', 'held', '--pid', String(victim.pid));
    const top = await watching(['-d', '100ms']);
    await top.shows(new RegExp(` {2}holding +${victim.pid}`));
    victim.kill('SIGKILL');
    await top.shows(new RegExp(` {2}holding stale +${victim.pid}`));
  });

  test('a deadlock is marked, and who waits in it for what is shown', async () => {
    for (const [mine, other] of ['AB', 'BA'])
      rig.script(
        `lockstep run ${mine} -- sh -c '"$NODE" "$MAIN" acquire sync.${mine} --pid $$; read -r _ < go.${mine}; "$NODE" "$MAIN" run ${other} --no-deadlock-check -- true'`,
      );
    const gates = ['A', 'B'].map((name) => rig.gate(`go.${name}`));
    for (const name of ['A', 'B']) await rig.line(`sync.${name}`, 1, 0);
    const top = await watching(['A', 'B']);
    for (const gate of gates) gate.open();
    await top.shows(/A {2}lock[\s\S]*holding deadlock +\d+ +\d+s +lock B[\s\S]*waiting deadlock/);
    await top.shows(/B {2}lock[\s\S]*holding deadlock +\d+ +\d+s +lock A[\s\S]*waiting deadlock/);
  });

  test('an idle store makes it draw nothing, and each change one frame', async () => {
    const lock = new Lock('deploy', { store: rig.store });
    // That it comes into being, and that somebody has it, may be seen one after the other.
    await lock.withLock(() => undefined);
    const top = await watching(['-d', '1h']);
    for (let round = 1; round <= 5; round++) {
      const lease = await lock.acquire();
      await top.shows('1 holder,');
      await lease.release();
      await top.shows('0 holders,');
      expect(top.frames).toBe(1 + 2 * round);
    }
    // A key's frame comes behind all that was drawn before it.
    top.write('p');
    await top.shows('PAUSED');
    expect(top.frames).toBe(12);
  });

  test('however often it looks, time alone makes it draw only what ages show', async () => {
    const lease = await new Lock('deploy', { store: rig.store }).acquire();
    const top = await watching(['-d', '100ms']);
    await top.shows(/ 1s /);
    const before = top.frames;
    await top.shows(/ 3s /);
    expect(top.frames - before).toBe(2);
    await lease.release();
  });

  test('a burst of changes is drawn as few frames, the last of which is right', async () => {
    const ktv = new Semaphore('ktv', 1_000, { store: rig.store });
    const top = await watching(['-d', '1h']);
    const startedAt = performance.now();
    const leases = [];
    for (let i = 0; i < 1_000; i++) leases.push(await ktv.acquire());
    await top.shows('1000 holders');
    expect(top.frames).toBeLessThan(3 + (performance.now() - startedAt) / 90);
    for (const lease of leases) await lease.release();
    await top.shows('0 holders');
  });

  test.each([
    ['q', (top: Pty) => top.write('q'), 0],
    ['Ctrl-C', (top: Pty) => top.write('\x03'), 0],
    ['SIGTERM', (top: Pty) => process.kill(top.pid, 'SIGTERM'), 'SIGTERM'],
    ['SIGHUP', (top: Pty) => process.kill(top.pid, 'SIGHUP'), 'SIGHUP'],
    ['SIGINT', (top: Pty) => process.kill(top.pid, 'SIGINT'), 'SIGINT'],
    ['SIGQUIT', (top: Pty) => process.kill(top.pid, 'SIGQUIT'), 'SIGQUIT'],
    ['SIGUSR2', (top: Pty) => process.kill(top.pid, 'SIGUSR2'), 'SIGUSR2'],
    ['SIGALRM', (top: Pty) => process.kill(top.pid, 'SIGALRM'), 'SIGALRM'],
  ])('%s gives the terminal back as it was', async (_, end, status) => {
    await rig.hold('deploy');
    const top = await watching();
    await top.shows('deploy');
    expect(await top.ask()).not.toEqual(top.flagsBefore);
    end(top);
    expect(await top.ended()).toBe(status);
    expectRestored(top);
    expect(top.screen).toBe('');
  });

  test.each([
    ['in a callback', `throw new Error('boom');`, /a bug, please report it: Error: boom/, 70],
    [
      'as it looks',
      `fs.lstatSync = () => { throw new TypeError('boom'); };`,
      /a bug, please report it: TypeError: boom/,
      70,
    ],
  ])('an exception %s gives it back too, and is reported on the screen that stays', async (_, code, told, status) => {
    const top = await watching(['-d', '100ms'], { env: breaking(code) });
    process.kill(top.pid, 'SIGUSR2');
    expect(await top.ended()).toBe(status);
    expectRestored(top);
    expect(top.screen).toMatch(told);
  });

  test('a terminal that hangs up ends it', async () => {
    const top = await watching();
    top.hangUp();
    expect(await top.ended()).not.toBe(0);
  });

  test('Ctrl-Z gives the terminal to the shell, and fg takes it again', async () => {
    await rig.hold('deploy');
    const shell = await Pty.start(rig, ['sh', '-i'], { env: { PS1: '$ ', ENV: undefined } });
    let asked = 0;
    const flags = async (): Promise<string> => {
      shell.write(`stty -g > flags; echo told $((${++asked} * 1000))\r`);
      await shell.shows(`told ${asked}000`);
      return rig.read('flags');
    };
    const before = await flags();
    shell.write('"$NODE" "$MAIN" top\r');
    await shell.shows(/deploy {2}lock {2}1 holding/);
    shell.write('\x1a');
    await shell.shows('Stopped');
    expect({ alternate: shell.isAlternate, cursor: shell.isCursorShown }).toEqual({ alternate: false, cursor: true });
    expect(await flags()).toBe(before);
    const second = await rig.hold('second');
    shell.write('fg\r');
    await shell.shows(/deploy {2}lock[\s\S]*second {2}lock/);
    expect({ alternate: shell.isAlternate, cursor: shell.isCursorShown }).toEqual({ alternate: true, cursor: false });
    await second.letGo();
    await shell.until('second has left', () => !shell.screen.includes('second'));
    shell.write('q');
    await shell.until('the shell is back', () => !shell.isAlternate);
    expect(await flags()).toBe(before);
    expect(shell.isCursorShown).toBe(true);
    shell.write('exit\r');
    await shell.ended();
  });

  test('one that is stopped and then ended does not touch the terminal again', async () => {
    await rig.hold('deploy');
    const shell = await Pty.start(rig, ['sh', '-i'], { env: { PS1: '$ ', ENV: undefined } });
    shell.write('"$NODE" "$MAIN" top; echo then $((1 + 1))\r');
    await shell.shows(/deploy {2}lock {2}1 holding/);
    const frames = shell.frames;
    shell.write('\x1a');
    await shell.shows('Stopped');
    shell.write('jobs -p > pid; kill %1; kill -CONT %1; echo told $((1 + 1))\r');
    await shell.shows('told 2');
    await until('it is gone', () => !isAlive(Number(rig.read('pid'))));
    shell.write('echo after $((1 + 1))\r');
    await shell.shows('after 2');
    expect({ alternate: shell.isAlternate, frames: shell.frames }).toEqual({ alternate: false, frames });
  });

  test('Ctrl-Z where no shell could let it go on does nothing', async () => {
    const top = await watching();
    top.write('\x1a');
    await top.until('the screen was left and taken again', () => top.output.split('\x1b[?1049h').length === 3);
    await rig.hold('deploy');
    await top.shows('deploy');
    top.write('q');
    expect(await top.ended()).toBe(0);
    expectRestored(top);
  });

  test('after a SIGSTOP, which no process can handle, it takes the screen again', async () => {
    await rig.hold('deploy');
    const top = await watching(['-d', '1h']);
    process.kill(top.pid, 'SIGSTOP');
    await top.until('it stopped', () => top.stops === 1);
    const second = await rig.hold('second');
    process.kill(top.pid, 'SIGCONT');
    await top.shows(/deploy {2}lock[\s\S]*second {2}lock/);
    expect(top.output.split('\x1b[?1049h')).toHaveLength(3);
    await second.letGo();
  });

  test('it draws anew in another size, however small', async () => {
    await rig.hold('deploy');
    const top = await watching(['-d', '1h']);
    await top.shows('q quit');
    for (const [columns, rows] of [
      [60, 10],
      [20, 5],
      [3, 2],
      [1, 1],
      [120, 40],
    ] as const) {
      const before = top.frames;
      top.resize(columns, rows);
      await top.until(`there is a frame of ${columns}×${rows}`, () => top.frames > before);
    }
    await top.shows(/deploy {2}lock {2}1 holding\n {2}holding +\d+ +\d+s +- +sh -c echo in/);
    expect(top.lines.at(-1)).toContain('q quit');
    top.write('q');
    expect(await top.ended()).toBe(0);
    expectRestored(top);
  });

  test('what others wrote does not act on the terminal, and wide characters are cut by their width', async () => {
    const store = rig.store;
    const evil = await new Lock('evil\x1b[2J\x1b[?1049l\x07', { store }).acquire({
      label: `\x1b]0;t\x07\n${'漢'.repeat(90)}`,
    });
    const top = await watching([], { columns: 60 });
    await top.shows('evil\\x1b[2J\\x1b[?1049');
    expect(top.isAlternate).toBe(true);
    const row = top.lines.find((line) => line.includes('holding ')) ?? '';
    expect(row).toMatch(/\\x1b\]0;t\\x07\\x0a漢+…$/);
    expect(top.lines.filter((line) => line.includes('漢'))).toHaveLength(1);
    await evil.release();
  });

  test('more than fits can be scrolled through, and a paused screen stands still', async () => {
    const store = rig.store;
    const leases = await Promise.all(
      Array.from({ length: 30 }, (_, i) => new Lock(`r${String(i).padStart(2, '0')}`, { store }).acquire()),
    );
    const top = await watching(['-d', '1h'], { rows: 13 });
    await top.shows('1–10 of 60');
    top.write('j');
    await top.shows('2–11 of 60');
    top.write('\x1b[6~');
    await top.shows('11–20 of 60');
    top.write('G');
    await top.shows('51–60 of 60');
    expect(top.screen).toContain('r29');
    top.write('\x1b[A');
    await top.shows('50–59 of 60');
    top.write('g');
    await top.shows('1–10 of 60');
    top.write('p');
    await top.shows('PAUSED');
    const { frames } = top;
    for (const lease of leases.slice(0, 29)) await lease.release();
    top.write('j');
    await top.shows('2–11 of 60');
    expect(top.frames).toBe(frames + 1);
    top.write('p');
    await top.shows('r29  lock  1 holding');
    expect(top.screen).not.toContain('r00');
    await leases.at(-1)?.release();
  });

  test.each([
    ['deleted', () => fs.rmSync(rig.storePath, { recursive: true })],
    ['moved away', () => fs.renameSync(rig.storePath, rig.path('elsewhere'))],
  ])('a store that is %s is reported, and seen when it comes back', async (_, remove) => {
    await killedHolder('deploy');
    const top = await watching(['-d', '100ms']);
    await top.shows('deploy');
    remove();
    await top.shows('The store is gone.');
    await rig.hold('second');
    await top.shows('second  lock  1 holding');
    expect(top.screen).not.toContain('deploy');
  });

  test('a name that is watched from before its first use is seen as it comes', async () => {
    const top = await watching(['deploy', '-d', '1h']);
    await top.shows('There is nothing');
    const other = await rig.hold('other');
    await top.shows('deploy  never used');
    await rig.hold('deploy');
    await top.shows('deploy  lock  1 holding');
    expect(top.screen).not.toContain('other');
    await other.letGo();
  });

  test('without a terminal for keys it works too, and shows none', async () => {
    const shell = await Pty.start(rig, ['sh', '-c', 'exec "$NODE" "$MAIN" top < /dev/null']);
    await shell.shows('There is nothing');
    expect(shell.screen).not.toContain('quit');
    await rig.hold('deploy');
    await shell.shows('deploy');
    shell.write('\x03');
    expect(await shell.ended()).toBe('SIGINT');
    expectRestored(shell);
  });

  test('a terminal that can only print is given one snapshot', async () => {
    await rig.hold('deploy');
    const top = await watching([], { env: { TERM: 'dumb' } });
    expect(await top.ended()).toBe(0);
    expect(top.output).not.toContain('\x1b');
    expect(top.screen).toContain('deploy  lock  1 holding');
    const once = await watching(['--once']);
    expect(await once.ended()).toBe(0);
    expect(once.output).not.toContain('\x1b');
  });

  test('NO_COLOR takes the colours away, and nothing that is said', async () => {
    const ESC = '\x1b';
    const coloured = new RegExp(`${ESC}\\[[\\d;]*m`);
    await rig.hold('deploy');
    const [painted, plain] = [await watching(), await watching([], { env: { NO_COLOR: '1' } })];
    for (const top of [painted, plain]) await top.shows(/deploy {2}lock {2}1 holding\n {2}holding/);
    expect(painted.output).toMatch(coloured);
    expect(plain.output).not.toMatch(coloured);
  });

  test('it writes nothing while it watches, not even as it comes upon a sealed journal', async () => {
    await killedHolder('deploy');
    const top = await watching(['-d', '100ms']);
    await top.shows('holding stale');
    leaveSealed('deploy');
    const before = traces(rig.storePath);
    await top.shows(/ 3s /);
    expect(traces(rig.storePath)).toEqual(before);
    await rig.run('run', 'deploy', '--', 'true');
    expect(rig.exists('store/resources/deploy/journal.2')).toBe(true);
    await top.shows('There are no holders');
  });
});

describe('at a terminal, the keys of top', () => {
  test('break the selected entry, and end the process of one, after a question', async () => {
    const holder = await rig.hold('n');
    const [, held] = await holder.says(/in (\d+)/);
    const top = await watching();
    await top.shows(new RegExp(`  holding +${held}`));
    top.write('\t');
    await top.shows(new RegExp(`> holding +${held}`));
    top.write('E');
    await top.shows(/End\? y: yes, any other key: no – pid \d+ on .*, which holds n /);
    top.write('n');
    await top.shows('B break  E end');
    expect(holder.running).toBe(true);
    top.write('B');
    await top.shows(new RegExp(`Break\\? y: yes, any other key: no – n, token \\d+ of pid ${held} on `));
    top.write('y');
    await top.shows('n: evicted token');
    await top.shows('There are no holders and no waiters.');
    await holder.letGo();
    const other = await rig.hold('n');
    await top.shows(/ {2}holding/);
    top.write('\t');
    await top.shows('> holding');
    top.write('E');
    await top.shows('End? y: yes');
    top.write('y');
    await top.shows(/sent SIGTERM to pid \d+/);
    expect((await other.ended).status).toBe(143);
    await top.shows('There are no holders and no waiters.');
    top.write('q');
    expect(await top.ended()).toBe(0);
  });

  test('show help, and jobs that are not well', async () => {
    await rig.run('job', 'backup', '-q', '--', 'false');
    const top = await watching();
    await top.shows(/Jobs {2}1 job, 1 not well\n.*RUNS.*\n {2}failed +backup +\S+ /);
    top.write('?');
    await top.shows('Tab, Shift-Tab');
    expect(top.screen).not.toContain('backup');
    top.write('q');
    await top.shows('backup');
    top.write('q');
    expect(await top.ended()).toBe(0);
  });
});
