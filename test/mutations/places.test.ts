import fs from 'node:fs';
import { expect, test } from 'vitest';
import { ETCD_MUTATIONS } from './etcd-mutations.ts';
import { MUTATIONS } from './mutations.ts';

/** `npm run mutations` takes minutes, and whoever moves a rule to another file learns of it here. */
test('every rule that is to be broken stands in its file, once', () => {
  const edits = [...MUTATIONS, ...ETCD_MUTATIONS].flatMap((one) => one.edits.map((edit) => ({ ...edit, ...one })));
  const wrong = edits.filter(({ file, from }) => fs.readFileSync(file, 'utf8').split(from).length !== 2);
  expect(wrong.map(({ file, rule }) => `${file}: ${rule}`)).toEqual([]);
});

test('every test that is to notice is there', () => {
  const files = [...MUTATIONS, ...ETCD_MUTATIONS].map(({ caughtBy }) => caughtBy.file);
  expect([...new Set(files)].filter((file) => !fs.existsSync(file))).toEqual([]);
});
