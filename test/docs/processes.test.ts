import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig } from '../support/cli-rig.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = fs.readFileSync(`${ROOT}docs/processes.md`, 'utf8');

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  fs.mkdirSync(rig.path('node_modules'));
  fs.symlinkSync(ROOT, rig.path('node_modules/lockstep'));
  rig.write('package.json', '{"type": "module"}');
  for (const [, name = '', text = ''] of PAGE.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```$/gms)) rig.write(name, text);
});
afterEach(() => rig.end());

test.each(['main.js', 'both.js', 'many.js'])('the example %s prints what the page says', async (name) => {
  const promised = [...rig.read(name).matchAll(/\/\/ prints (.*)\n/g)].map(([, line]) => `${line}\n`).join('');
  expect(promised).not.toBe('');
  const { status, stdout, stderr } = await rig.start(process.execPath, [rig.path(name)]).ended;
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: promised, stderr: '' });
});

test('every code of a result that the errors have is on the page', () => {
  const errors = fs.readFileSync(`${ROOT}docs/errors.md`, 'utf8');
  for (const [code] of errors.matchAll(/RESULT_[A-Z]+/g)) expect(PAGE).toContain(code);
});
