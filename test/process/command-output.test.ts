import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makePipe, type PipeEnds } from '../../lib/host/node-pipe.ts';
import { CommandOutput } from '../../lib/process/command-output.ts';
import { HeldProcess, type ProcessExit } from '../../lib/process/held-process.ts';
import { isAlive, Rig, until } from '../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

interface Ran {
  exit: ProcessExit;
  output: CommandOutput;
  text: () => string;
}

/** Runs a line of shell to its exit. */
async function ran(
  line: string,
  {
    isWanted = () => true,
    ends = makePipe(),
  }: { isWanted?: (output: CommandOutput) => boolean; ends?: PipeEnds | null } = {},
): Promise<Ran> {
  const taken: Buffer[] = [];
  const output: CommandOutput = new CommandOutput((bytes) => {
    taken.push(Buffer.from(bytes));
    return isWanted(output);
  }, ends);
  const held = await HeldProcess.start(
    { command: ['/bin/sh', '-c', line] },
    { cwd: rig.directory, output: output.target, input: 'ignore' },
  );
  output.started(held);
  held.go();
  const exit = await held.exit();
  return { exit, output, text: () => Buffer.concat(taken).toString('latin1') };
}

test('stdout and stderr come in the order in which they were printed, and survive being opened again', async () => {
  const { output, text } = await ran(
    'echo 1; echo 2 >&2; echo 3 > /dev/stderr; echo 4 | tee /dev/stdout; echo 5 >&2; echo 6 > /dev/stdout; echo 7',
  );
  await output.end();
  expect(text()).toBe('1\n2\n3\n4\n4\n5\n6\n7\n');
});

test('bytes that are no text come unchanged', async () => {
  const { output, text } = await ran("printf '\\377\\000\\342'; printf '\\202\\254'");
  await output.end();
  expect(text()).toBe('\xff\0\xe2\x82\xac');
});

test('nothing is taken until more is wanted again, and nothing is lost', async () => {
  let isWaiting = false;
  let unwanted = 0;
  const isWanted = (output: CommandOutput) => {
    if (isWaiting) unwanted += 1;
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      output.resume();
    });
    return false;
  };
  const { output, text } = await ran('head -c 1000000 /dev/zero', { isWanted });
  // What is left in the pipe is taken now, wanted or not.
  const before = unwanted;
  await output.end();
  expect(before).toBe(0);
  expect(text().length).toBe(1_000_000);
});

test('what the command printed while nobody wanted it is taken at its end', async () => {
  const gate = rig.gate('gate');
  const isWanted = () => {
    gate.open();
    return false;
  };
  const { output, text } = await ran('echo one; read -r _ < gate; echo two', { isWanted });
  output.close();
  expect(text()).toBe('one\ntwo\n');
});

test('a command that closes its output goes on to its end', async () => {
  const { exit, output, text } = await ran('echo one; exec >&- 2>&-; : > closed; exit 3');
  await output.end();
  expect([exit.code, text(), rig.exists('closed')]).toEqual([3, 'one\n', true]);
});

describe('a process that the command left behind', () => {
  /** Prints as fast as it can; there is a file `printed1` once that is more than a pipe holds. */
  const PRINTING =
    '(trap "" HUP; while head -c 100000 /dev/zero; do n=$((n + 1)); : > "printed$((n > after))"; done) &';

  test.each(['one pipe', 'two streams'])('goes on, and its output is discarded, where that is %s', async (kind) => {
    const ends = kind === 'one pipe' ? makePipe() : null;
    const { output, text } = await ran(`echo own; after=100; ${PRINTING} echo $! > pid; echo last`, { ends });
    await output.end();
    const pid = rig.stray(Number(fs.readFileSync(rig.path('pid'), 'utf8')));
    expect(text()).toMatch(/^own\n/);
    expect(text()).toContain('last\n');
    const { length } = text();
    expect(length).toBeLessThan(2.5 * 1024 * 1024);
    await until('it has printed on', () => rig.exists('printed1'));
    expect(isAlive(pid)).toBe(true);
    expect(text().length).toBe(length);
  });
});

test('without a pipe the output is two streams, each whole', async () => {
  const { output, text } = await ran('echo out; echo err >&2', { ends: null });
  await output.end();
  expect(text().split('\n').sort()).toEqual(['', 'err', 'out']);
});

test('an output whose command was never started leaves no descriptor', () => {
  const open = () => fs.readdirSync('/proc/self/fd').length;
  new CommandOutput(() => true).close();
  const before = open();
  for (let at = 0; at < 3; at++) new CommandOutput(() => true).close();
  expect(open()).toBe(before);
});
