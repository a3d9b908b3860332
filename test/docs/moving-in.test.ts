import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Program, Rig, until } from '../support/cli-rig.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = fs.readFileSync(`${ROOT}docs/moving-in.md`, 'utf8');

function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
}
const [before = '', moved = '', after = '', job = '', part = '', sem = '', pidFile = ''] = blocks('sh');

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  for (const name of ['report.sh', 'render']) rig.write(name, '#!/bin/sh\necho in; read -r _; exit 0\n', 0o755);
});
afterEach(() => rig.end());

/** A script of the page, with a lock file of this test. */
const script = (text: string): Program =>
  rig.script(text.replaceAll('/srv/', `${rig.directory}/`), { env: { PARALLEL_HOME: rig.path('parallel') } });

/** The same, so that it does not wait for a lock. */
const impatient = (text: string): Program =>
  script(
    text
      .replace(/^flock /, 'flock -n ')
      .replace(/(run \w+|acquire \w+)/, '$1 -n -q')
      .replace('flock 9', 'flock -n 9'),
  );

/** Whether two of them can be inside at once. */
async function overlap(one: string, other: string): Promise<boolean> {
  const holder = script(one);
  await holder.says('in');
  const second = impatient(other);
  await Promise.race([second.says('in').catch(() => undefined), second.exited()]);
  const isIn = second.stdout.includes('in');
  for (const program of [second, holder]) await program.letGo();
  return isIn;
}

describe('the scripts of the page', () => {
  test.each([
    ['before', 'moved', before, moved],
    ['before', 'a job', before, job],
    ['before', 'a part of a script', before, part],
    ['moved', 'before', moved, before],
    ['moved', 'moved', moved, moved],
    ['moved', 'after', moved, after],
    ['after', 'moved', after, moved],
    ['after', 'a part of a script', after, part],
    ['a part of a script', 'before', part, before],
    ['a part of a script', 'moved', part, moved],
  ])('%s and %s exclude each other', async (_, __, one, other) => {
    expect(await overlap(one, other)).toBe(false);
  });

  test('before and after do not: the option goes only when no program is left that takes the old lock alone', async () => {
    expect(await overlap(before, after)).toBe(true);
  });

  test.skipIf(spawnSync('sem', ['--version']).status !== 0)('of sem excludes both kinds', async () => {
    const gate = rig.gate('gate');
    // `sem` keeps output back until the end, and its input to itself.
    rig.write('render', '#!/bin/sh\necho in >> in; read -r _ < gate\n', 0o755);
    const [holder, other] = [script(sem), script(sem)];
    await until('both are in', () => rig.exists('in') && rig.read('in') === 'in\nin\n');
    const third = await rig.run('run', 'render', '-p', '2', '-n', '-q', '--', 'true');
    expect(third.status).toBe(75);
    // Either may read either line.
    for (const _ of [holder, other]) gate.open();
    for (const program of [holder, other]) await program.letGo();
  });

  test('of a pid file exclude those that write one, and each other', async () => {
    const old = '[ -e app.pid ] && kill -0 "$(cat app.pid)" 2>/dev/null && exit 0\necho $$ > app.pid\n';
    const work = 'echo in; read -r _; rm app.pid';
    for (const [one, other] of [
      [pidFile, old],
      [old, pidFile],
      [pidFile, pidFile],
    ] as const) {
      const holder = script(one + work);
      await holder.says('in');
      expect((await rig.script(other + work, { input: '' }).ended).stdout).toBe('');
      await holder.letGo();
    }
  });
});

test('the programs of the page run', async () => {
  // In the checkout, because there the package finds itself by its own name.
  const directory = fs.mkdtempSync(`${ROOT}build/moving-in-`);
  try {
    const outputs = [];
    for (const [at, program] of blocks('ts').entries()) {
      const text = program.replaceAll('/srv/', `${rig.directory}/`);
      fs.writeFileSync(`${directory}/${at}.mjs`, transformSync(text, { loader: 'ts' }).code);
      rig.write('state.json', '{"runs":1}');
      const { status, stdout, stderr } = await rig.start(process.execPath, [`${directory}/${at}.mjs`], { input: '' })
        .ended;
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      outputs.push(stdout);
    }
    expect(outputs).toEqual(['neither a script with flock nor one of ours runs\n', 'true\n', '{ runs: 2 }\n']);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
