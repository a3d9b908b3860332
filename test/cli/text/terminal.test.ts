import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN, Rig } from '../../support/cli-rig.ts';
import { Pty, type PtyOptions } from '../../support/pty.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** What a verb prints at a terminal, all of it. */
async function atTerminal(words: readonly string[], options: PtyOptions = {}): Promise<Pty> {
  const pty = await Pty.start(rig, [process.execPath, MAIN, ...words], options);
  await pty.ended();
  return pty;
}

describe('with nothing to show, a person at a terminal gets a sentence, and a pipe what it got before', () => {
  test.each([
    [['status'], /^lockstep: nobody holds anything or waits in the store \S+; --all shows/],
    [['status', '--all'], /^lockstep: no resource was ever used in the store/],
    [['monitor', '--once'], /^lockstep: no program reports here yet/],
    [['history', 'n', '--since', '0'], /^lockstep: n: nothing is recorded of the last 0$/],
  ])('%j', async (words, sentence) => {
    if (words[0] === 'history') await rig.run('run', 'n', '--', 'true');
    const pty = await atTerminal(words, { columns: 200 });
    expect(pty.screen).toMatch(sentence);
    expect(pty.status).toBe(0);
    expect(await rig.run(...words)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await rig.run(...words, '--json')).toEqual({ status: 0, stdout: '[]\n', stderr: '' });
  });
});

describe('a state', () => {
  test('is in its colour at a terminal, and has none with NO_COLOR, in a pipe, or in JSON', async () => {
    await rig.run('run', 'n', '--', 'true');
    const status = ['status', 'n'];
    expect((await atTerminal(status)).output).toContain('\x1b[2mfree\x1b[22m');
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }])
      expect((await atTerminal(status, { env })).output).not.toContain('\x1b[');
    expect((await rig.run(...status)).stdout).not.toContain('\x1b');
    expect((await atTerminal([...status, '--json'], { env: { FORCE_COLOR: '1' } })).output).not.toContain('\x1b[');
  });
});

test.each([60, 80, 120])('at %i columns help has no line that the terminal would break', async (columns) => {
  const { output } = await atTerminal(['run', '--help'], { columns, rows: 100 });
  const lines = output.split('\r\n');
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.min(columns, 100));
  expect(Math.max(...lines.map((line) => line.length))).toBeGreaterThan(Math.min(columns, 100) - 12);
});
