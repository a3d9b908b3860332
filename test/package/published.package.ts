import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { packInto, run } from './package-rig.ts';

// The tools are fetched first, which takes longer than the tests.
vi.setConfig({ testTimeout: 240_000 });

let directory: string;
let tarball: string;

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-published-'));
  ({ tarball } = await packInto(directory));
});

afterAll(() => fs.rmSync(directory, { recursive: true }));

// Exactly these: a rule that a later one adds would fail a build that nobody has changed.
const PUBLINT = 'publint@0.3.25';
const ATTW = '@arethetypeswrong/cli@0.18.5';

/** Runs a tool from the registry to its end, and resolves to what it printed, however it ended. */
async function tool(source: string, ...words: string[]): Promise<{ code: number; stdout: string }> {
  const args = ['exec', '--yes', `--package=${source}`, '--', ...words];
  return run('npm', args, { cwd: directory }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout, stderr }) => ({ code, stdout: `${stdout}${stderr}` }),
  );
}

/**
 * The command begins with `#!/bin/sh` (decision 19). What the tool asks for, `#!/usr/bin/env sh`, would look for that shell in the
 * caller's `PATH`, which a wrapper must not depend on.
 */
const SHELL = 'pkg.bin.lockstep is dist/cli/main.js but the file is not executable. It should start with a shebang';

test('publint has nothing to say of the package but that its command is a shell script', async () => {
  const { stdout } = await tool(PUBLINT, 'publint', 'run', tarball, '--strict');
  const messages = stdout.match(/^\d+\. .*$/gm) ?? [];
  expect(messages.filter((line) => !line.includes(SHELL))).toEqual([]);
  expect(messages, stdout).toHaveLength(1);
});

test('attw finds the types of every entry right, for modules, for CommonJS and for bundlers', async () => {
  const { code, stdout } = await tool(ATTW, 'attw', tarball, '--profile', 'node16', '--format', 'json');
  expect(code, stdout).toBe(0);
  const { analysis, problems } = JSON.parse(stdout);
  expect(Object.keys(analysis.entrypoints)).toContain('./etcd');
  // Node 12 was the last one that resolved so.
  const later = Object.entries(problems).filter(([kind]) => kind !== 'NoResolution');
  expect(later).toEqual([]);
  const missing = (problems.NoResolution ?? []).map((one: { resolutionKind: string }) => one.resolutionKind);
  expect(new Set(missing)).toEqual(new Set(['node10']));
});
