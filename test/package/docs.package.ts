import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as main from 'lockstep';
import * as etcd from 'lockstep/etcd';
import * as history from 'lockstep/history';
import * as hot from 'lockstep/hot';
import * as jobs from 'lockstep/jobs';
import * as monitor from 'lockstep/monitor';
import * as observe from 'lockstep/observe';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PACK, ROOT, run } from './package-rig.ts';

// The tool is fetched first, which takes longer than the tests.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

interface Documented {
  name: string;
  comment?: { blockTags?: ReadonlyArray<{ tag: string }> };
  signatures?: readonly Documented[];
  children?: readonly Documented[];
}

let directory: string;
let modules: Map<string, Map<string, Documented>>;

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-docs-'));
  const options = ['--out', `${directory}/html`, '--json', `${directory}/api.json`];
  // It fails if a link leads nowhere, or a type or docstring is missing (`typedoc.json`).
  await run('npm', ['run', 'docs', '--', ...options], { cwd: ROOT });
  const { children } = JSON.parse(fs.readFileSync(`${directory}/api.json`, 'utf8')) as { children: Documented[] };
  modules = new Map(children.map((each) => [each.name, byName(each)]));
});

afterAll(() => fs.rmSync(directory, { recursive: true }));

function byName({ children = [] }: Documented): Map<string, Documented> {
  return new Map(children.map((child) => [child.name, child]));
}

/** The names of types and values that an entry's declarations export. */
function exportedBy(declarations: string): string[] {
  const [, names = ''] = /export \{([^}]*)\};?\s*$/.exec(fs.readFileSync(`${ROOT}${declarations}`, 'utf8')) ?? [];
  return names.split(',').map((name) => name.trim().replace(/^type /, ''));
}

test('the API reference has a page for everything that the package exports', () => {
  const entries = Object.entries(PACK.exports) as Array<[string, { default?: { types: string } }]>;
  const declared = entries.flatMap(([entry, { default: file }]) => (file ? [[entry, file.types] as const] : []));
  expect(declared.length).toBeGreaterThan(5);
  for (const [entry, file] of declared) {
    const documented = modules.get(entry.replace('.', 'lockstep')) ?? new Map();
    expect([...documented.keys()].sort(), file).toEqual(exportedBy(file).sort());
  }
  const pages = fs.readdirSync(`${directory}/html`, { recursive: true, encoding: 'utf8' });
  expect(pages.filter((page) => page.endsWith('.html')).length).toBeGreaterThan(modules.size);
});

test('the API reference shows the example of every class and function', () => {
  const exported = {
    lockstep: main,
    'lockstep/etcd': etcd,
    'lockstep/history': history,
    'lockstep/hot': hot,
    'lockstep/jobs': jobs,
    'lockstep/monitor': monitor,
    'lockstep/observe': observe,
  };
  const silent = Object.entries(exported).flatMap(([module, values]) =>
    Object.keys(values).filter((name) => {
      const found = modules.get(module)?.get(name);
      const comments = [found, ...(found?.signatures ?? [])].flatMap((each) => each?.comment?.blockTags ?? []);
      return !comments.some(({ tag }) => tag === '@example');
    }),
  );
  expect(silent).toEqual([]);
});
