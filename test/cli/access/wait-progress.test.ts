import { Event, Lock, Queue } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN, Rig, until } from '../../support/cli-rig.ts';
import { Pty, type PtyOptions } from '../../support/pty.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const ERASE = '\r\x1b[2K';

function lockstep(words: readonly string[], options: PtyOptions = {}): Promise<Pty> {
  return Pty.start(rig, [process.execPath, MAIN, ...words], options);
}

/** Holds of about this long are in the lock's past. */
async function past(ms: number): Promise<void> {
  const lock = new Lock('n', { store: rig.store });
  for (let hold = 0; hold < 3; hold++) await lock.withLock(() => new Promise((resolve) => setTimeout(resolve, ms)));
}

describe('at a terminal, a wait', () => {
  test.each([
    ['run', ['run', 'n', '--', 'echo', 'got']],
    ['job --overlap wait', ['job', 'n', '--overlap', 'wait', '--', 'echo', 'got']],
    ['acquire', ['acquire', 'n', '--pid', String(process.pid)]],
  ])('of %s shows its place, and nothing is left of that before its output begins', async (verb, words) => {
    await past(400);
    const holder = await rig.hold('n');
    const second = rig.visitor('n');
    await rig.line('n', 1, 1);
    const pty = await lockstep(words);
    await pty.shows(/n: waiting; held by pid \d+ .* for \d+s; 1 waits before you; (about|usually)/);
    await holder.letGo();
    await pty.shows('; you are next; ');
    await second.letGo();
    expect(await pty.ended()).toBe(0);
    expect(pty.screen).not.toContain('waiting');
    expect(pty.screen).toMatch({ run: /^got$/, acquire: /^\d+$/, 'job --overlap wait': /^$/ }[verb] as RegExp);
    // It was one line, which was rewritten.
    const [, ...rest] = pty.output.split(ERASE);
    expect(rest.length).toBeGreaterThanOrEqual(2);
    expect(rest.slice(0, -1).join('')).not.toContain('\n');
  });

  test('of edit shows who holds the file’s lock, until the filter begins', async () => {
    rig.write('a.json', '1');
    const holder = rig.lockstep(['run', '--file', 'a.json', '--', 'sh', '-c', 'echo in; read -r _; exit 0']);
    await holder.says('in');
    const pty = await lockstep(['edit', 'a.json', '--', 'sh', '-c', 'echo filter >&2; echo 2']);
    await pty.shows(/a\.json: waiting; held by pid \d+ .* for \d+m?s; you are next/);
    await holder.letGo();
    expect(await pty.ended()).toBe(0);
    expect(pty.screen).toBe('filter');
    expect(rig.read('a.json')).toBe('2\n');
  });

  test('of job --overlap replace shows the run that it has asked to end', async () => {
    const gate = rig.gate('gate');
    const command = 'trap "read -r _ < gate; exit 0" TERM; echo in; while :; do sleep 0.05; done';
    const run = rig.lockstep(['job', 'n', '--verbose', '--', 'sh', '-c', command]);
    await run.says('in');
    const pty = await lockstep(['job', 'n', '--overlap', 'replace', '--', 'true']);
    await pty.shows(/n: waiting; held by pid \d+ .* for \d+m?s; you are next/);
    gate.open();
    expect(await pty.ended()).toBe(0);
    expect(pty.screen).not.toContain('waiting');
  });

  test.each([['--flush'], ['--write-back']])(
    'of hot %s shows which writer holds, and nothing while it writes itself',
    async (action) => {
      const back = ['--back', rig.path('shop.sqlite')];
      await rig.run('hot', 'show', '--load', '5', ...back);
      await rig.run('hot', 'show', '--flush', ...back);
      const writer = await rig.hold('hot/show');
      // Not yet written: a flush must wait for the writer.
      await rig.run('hot', 'show', '--take', '1', '--id', 'a');
      const pty = await lockstep(['hot', 'show', action, ...back]);
      await pty.shows(/hot\/show: waiting; held by pid \d+ .* for \d+s/);
      await writer.letGo();
      if (action === '--write-back') {
        await until('it is written', async () => {
          const { stdout } = await rig.run('hot', 'show', '--status', '--json', ...back);
          return JSON.parse(stdout).unwritten === 0;
        });
        pty.write('\x03');
      }
      expect(await pty.ended()).toBe(action === '--write-back' ? 130 : 0);
      expect(pty.screen).toBe(action === '--write-back' ? '^C' : '4');
    },
  );

  test('at a barrier shows how many of how many have arrived', async () => {
    const words = ['barrier', 'n', '-p', '3'];
    const first = await lockstep(words);
    await first.shows(/n: waiting; 1 of 3 have arrived, the first \d+m?s ago/);
    const second = await lockstep(words);
    await second.shows('2 of 3 have arrived');
    await first.shows('2 of 3 have arrived');
    expect((await rig.run(...words)).stdout).toBe('2\n');
    expect(await Promise.all([first.ended(), second.ended()])).toEqual([0, 0]);
    expect([first.screen, second.screen]).toEqual(['0', '1']);
  });

  test('for an event shows since when it is awaited, and how many wait', async () => {
    const first = await lockstep(['event', 'wait', 'n']);
    await first.shows(/n: waiting; not set; 1 waits for it, since \d+m?s/);
    const second = await lockstep(['event', 'wait', 'n']);
    for (const one of [first, second]) await one.shows(/not set; 2 wait for it, since \d+m?s/);
    await new Event('n', { store: rig.store }).set();
    expect(await Promise.all([first.ended(), second.ended()])).toEqual([0, 0]);
    expect([first.screen, second.screen]).toEqual(['', '']);
  });

  test('of wait shows who holds, though it is in no line', async () => {
    const holder = await rig.hold('n');
    const pty = await lockstep(['wait', 'n']);
    await pty.shows(/n: waiting; held by pid \d+ .* for \d+m?s$/m);
    await holder.letGo();
    expect(await pty.ended()).toBe(0);
    expect(pty.screen).toBe('');
  });

  test('at a queue shows what is in it, and the place of who gets', async () => {
    const queue = new Queue('n', { store: rig.store });
    const get = await lockstep(['queue', 'n', 'get']);
    await get.shows('n: waiting; 0 queued, 0 taken; you are next');
    const run = await lockstep([
      'queue',
      'n',
      'run',
      '-w',
      '20s',
      '--',
      'sh',
      '-c',
      'echo "ran $1"; kill -TERM $PPID',
      'sh',
    ]);
    await run.shows('n: waiting; 0 queued, 0 taken; 1 waits before you');
    await queue.put('one');
    expect(await get.ended()).toBe(0);
    expect(get.screen).toBe('one');
    await queue.put('two');
    await run.ended();
    expect(run.screen).toMatch(/^ran two$/m);
    expect(run.screen).not.toContain('waiting');
  });

  test.each([
    ['wait', ['wait', 'n'], 'held by'],
    ['queue put', ['queue', 'q', 'put', '--max-size', '1', 'two'], '1 queued, 0 taken'],
    ['queue join', ['queue', 'q', 'join'], '1 queued, 0 taken'],
  ])('of %s, which has no entry, leaves no line behind when a signal ends it', async (_, words, shown) => {
    const holder = await rig.hold('n');
    await new Queue('q', { store: rig.store }).put('one');
    const pty = await lockstep(words);
    await pty.shows(`waiting; ${shown}`);
    pty.write('\x03');
    expect(await pty.ended()).toBe('SIGINT');
    expect(pty.screen).not.toContain('waiting');
    await holder.letGo();
  });

  test('says why it ended on a line of its own', async () => {
    const holder = await rig.hold('n');
    const pty = await lockstep(['run', 'n', '-w', '1s', '--', 'true']);
    await pty.shows('waiting; held by');
    expect(await pty.ended()).toBe(75);
    expect(pty.screen).toMatch(/^lockstep: n: not acquired within 1s: held by pid \d+/);
    await holder.letGo();
  });

  test('that a signal ends leaves no line behind', async () => {
    const holder = await rig.hold('n');
    const pty = await lockstep(['run', 'n', '--', 'true']);
    await pty.shows('waiting; held by');
    pty.write('\x03');
    expect(await pty.ended()).toBe('SIGINT');
    expect(pty.screen).not.toContain('waiting');
    await holder.letGo();
  });

  test('with -q shows nothing, nor one in a pipe', async () => {
    const holder = await rig.hold('n');
    const quiet = await lockstep(['run', 'n', '-q', '--', 'echo', 'got']);
    await rig.line('n', 1, 1);
    const piped = rig.lockstep(['run', 'n', '--', 'echo', 'got']);
    await rig.line('n', 1, 2);
    const loud = await lockstep(['run', 'n', '--', 'echo', 'got']);
    // It came last: when it speaks, the time for the others to speak is over too.
    await loud.shows('2 wait before you');
    await holder.letGo();
    for (const pty of [quiet, loud]) expect(await pty.ended()).toBe(0);
    expect(quiet.output).toBe('got\r\n');
    expect(await piped.ended).toEqual({ status: 0, stdout: 'got\n', stderr: '' });
  });

  test('at a dumb terminal, or in the background, says once who holds', async () => {
    const holder = await rig.hold('n');
    const dumb = await lockstep(['run', 'n', '--', 'true'], { env: { TERM: 'dumb' } });
    await dumb.shows('waiting; held by');
    const shell = await Pty.start(rig, ['bash', '-ic', '"$NODE" "$MAIN" run n -- true & wait'], { env: { PS1: '' } });
    await shell.shows('waiting; held by');
    await holder.letGo();
    for (const pty of [dumb, shell]) {
      expect(await pty.ended()).toBe(0);
      expect(pty.output).not.toContain(ERASE);
      expect(pty.screen).toMatch(/n: waiting; held by pid \d+/);
    }
    const barrier = await lockstep(['barrier', 'b', '-p', '2'], { env: { TERM: 'dumb' } });
    await barrier.shows('b: waiting; 1 of 2 have arrived');
    expect((await rig.run('barrier', 'b', '-p', '2')).status).toBe(0);
    expect(await barrier.ended()).toBe(0);
    expect(barrier.screen).toMatch(/have arrived, the first \d+m?s ago\n0$/);
  });
});
