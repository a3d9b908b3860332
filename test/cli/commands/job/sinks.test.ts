import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StreamSink } from '../../../../cli/commands/job/sink.ts';
import { sinksOf } from '../../../../cli/commands/job/sinks.ts';
import { nodeError } from '../../../faults/node-error.ts';

/** `vi.waitFor` waits for a second by default, and a busy machine may take longer. */
const PATIENT = { timeout: 20_000 };

let root: string;
let log: string;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-sinks-'));
  log = path.join(root, 'log');
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(root, { recursive: true, force: true });
});

test('the log has every byte, though each write to it is cut short', () => {
  const write = fs.writeSync;
  vi.spyOn(fs, 'writeSync').mockImplementation(((fd: number, bytes: Buffer, offset: number, length: number) =>
    write(fd, bytes, offset, Math.ceil(length / 2))) as typeof fs.writeSync);
  const [sink] = sinksOf({ log, verbose: false });
  for (const text of ['one\n', 'a longer line\n', 'three']) sink?.write(Buffer.from(text));
  expect(fs.readFileSync(log, 'utf8')).toBe('one\na longer line\nthree');
});

test.each([
  ['takes no byte any more', () => 0, 'ENOSPC: the write was cut short'],
  [
    'is out of its quota',
    () => {
      throw nodeError('EDQUOT', 'write', 'javascript');
    },
    'EDQUOT, write',
  ],
])('a log that %s is given up with one word on stderr, and the job goes on', (_how, fails, why) => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const [sink] = sinksOf({ log, verbose: false });
  vi.spyOn(fs, 'writeSync').mockImplementation(fails);
  sink?.write(Buffer.from('lost'));
  sink?.write(Buffer.from('lost too'));
  expect(said.mock.calls.map(([text]) => text)).toEqual([
    `lockstep: --log ${log}: cannot be written from here on: ${why}\n`,
  ]);
});

describe('a stream', () => {
  /** Its reader takes what it has got when `take` is called. */
  class Slow extends Writable {
    readonly got: string[] = [];
    take: () => void = () => undefined;

    constructor() {
      super({ highWaterMark: 4 });
    }

    override _write(bytes: Buffer, _: string, done: () => void): void {
      this.take = () => {
        this.got.push(bytes.toString());
        done();
      };
    }
  }

  test('is full until its reader has taken what it got, and then says so', async () => {
    const stream = new Slow();
    const sink = new StreamSink(stream, { giveUp: expect.fail });
    const drained = new Promise<void>((resolve) => sink.onDrain(resolve));
    sink.write(Buffer.from('words'));
    expect(sink.isFull).toBe(true);
    stream.take();
    await drained;
    expect([sink.isFull, stream.got]).toEqual([false, ['words']]);
    await sink.end();
  });

  test('has its own copy of what it got', async () => {
    const stream = new Slow();
    const bytes = Buffer.from('words');
    new StreamSink(stream, { giveUp: expect.fail }).write(bytes);
    bytes.fill('x');
    stream.take();
    expect(stream.got).toEqual(['words']);
  });

  test.each([
    ['fails', (stream: Slow) => stream.destroy(new Error('gone')), 'gone'],
    ['has a reader that takes nothing', () => undefined, 'its reader takes nothing'],
  ])('that %s is given up once, and holds nothing up', async (_, act, why) => {
    const stream = new Slow();
    const giveUp = vi.fn();
    const sink = new StreamSink(stream, { giveUp, patienceMs: 5 });
    // Its timer keeps no process alive: the test waits.
    const resumed = vi.waitFor(() => expect(giveUp).toHaveBeenCalled(), PATIENT);
    sink.write(Buffer.from('words'));
    act(stream);
    await resumed;
    expect(sink.isFull).toBe(false);
    sink.write(Buffer.from('more'));
    await sink.end();
    expect(giveUp.mock.calls).toEqual([[why]]);
    expect(stream.got).toEqual([]);
  });

  test('whose reader takes nothing at the end is waited for no longer than it has patience', async () => {
    const giveUp = vi.fn();
    const sink = new StreamSink(new Slow(), { giveUp, patienceMs: 5 });
    sink.write(Buffer.from('a'));
    await sink.end();
    expect(giveUp.mock.calls).toEqual([['its reader takes nothing']]);
  });
});
