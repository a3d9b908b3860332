import { afterEach, beforeEach, expect, test } from 'vitest';
import { GuestRig, LIBRARY_DIRECTORY } from '../support/guest-rig.ts';

// Two detectors that know nothing of each other: the sum of all increments, and a file that is there while one is inside.

const TIMES = 15;
const RETRIES = '{ retries: 100_000, factor: 1, minTimeout: 1, maxTimeout: 1 }';

let rig: GuestRig;
beforeEach(() => {
  rig = new GuestRig();
  rig.write('c.json', '{"count":0}');
});
afterEach(() => rig.end());

const INSIDE = `
  const inside = async (work) => {
    fs.closeSync(fs.openSync('inside', 'wx'));
    await work();
    await turn();
    fs.unlinkSync('inside');
  };`;

/** A program that updates the file as a `JsonFile`. */
function ours(alsoLock: string) {
  return rig.program(`${INSIDE}
    const { JsonFile } = await import(${JSON.stringify(`${LIBRARY_DIRECTORY}index.js`)});
    const file = new JsonFile('c.json', { alsoLock: ${alsoLock} });
    for (let at = 0; at < ${TIMES}; at++)
      await file.update((value) => inside(() => { value.count += 1; }).then(() => undefined));`);
}

/** A shell's command that does the same; `inside` is a directory to it. */
const SCRIPT =
  'mkdir inside || exit 9; n=$(tr -dc 0-9 < c.json); echo "{\\"count\\":$((n + 1))}" > c.json; rmdir inside';

const count = () => JSON.parse(rig.read('c.json')).count;

test('JsonFile beside programs with proper-lockfile: no update is lost, and no two are inside at once', async () => {
  const theirs = () =>
    rig.program(`${INSIDE}
      const lockfile = require('proper-lockfile');
      for (let at = 0; at < ${TIMES}; at++) {
        const release = await lockfile.lock('c.json', { retries: ${RETRIES} });
        await inside(() => {
          const value = JSON.parse(fs.readFileSync('c.json', 'utf8'));
          fs.writeFileSync('c.json', JSON.stringify({ count: value.count + 1 }));
        });
        await release();
      }`);
  const programs = [ours("'proper-lockfile'"), theirs(), ours("'proper-lockfile'"), theirs()];
  for (const { ended } of programs) expect(await ended).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(count()).toBe(4 * TIMES);
});

test('JsonFile, `run --flock` and scripts with flock together: no update is lost, and no two are inside at once', async () => {
  const repeated = (command: string) =>
    `at=0; while [ "$at" -lt ${TIMES} ]; do at=$((at + 1)); ${command} || exit; done`;
  const loop = (command: string) => rig.script(repeated(command), { input: '' });
  const programs = [
    ours("{ flock: 'c.json.flock' }"),
    loop(`flock c.json.flock sh -c '${SCRIPT}'`),
    loop(`flock c.json.flock sh -c '${SCRIPT}'`),
    rig.script(`for at in 1 2 3 4 5; do lockstep run n --flock c.json.flock -- sh -c '${SCRIPT}' || exit; done`, {
      input: '',
    }),
  ];
  for (const { ended } of programs) expect(await ended).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(count()).toBe(3 * TIMES + 5);
});
