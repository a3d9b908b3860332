import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { HeldProcess } from '../../lib/process/held-process.ts';

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-inherited-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

test('a command inherits the lifeline that it is given, and so does what it starts', async () => {
  const fifo = path.join(directory, 'lifeline');
  const fd = nodeHost.files.makeFifo(fifo, 0o600) as number;
  const held = await HeldProcess.start(
    { command: ['sh', '-c', 'sleep 600 >/dev/null & echo started; exec sleep 600'] },
    { lifeline: fd, ends: 'group', output: 'pipe' },
  );
  nodeHost.files.close(fd);
  onTestFinished(() => held.kill('SIGKILL'));
  expect(nodeHost.files.hasReader(fifo)).toBe(true);
  held.go();
  // By now it has started another process, which is to outlive it.
  await once(held.stdout as Readable, 'data');
  expect(nodeHost.files.hasReader(fifo)).toBe(true);
  process.kill(held.pid, 'SIGKILL');
  await held.exit();
  expect(nodeHost.files.hasReader(fifo)).toBe(true);
  await held.end(0);
  await expect.poll(() => nodeHost.files.hasReader(fifo), { timeout: 20_000 }).toBe(false);
});
