import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type RolldownOptions, rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PACK, packageOf, packInto, ROOT } from './package-rig.ts';

/** The most packages that may be named in `dependencies`, and that an installation may have in all. */
const MOST_NAMED = 7;
const MOST_INSTALLED = 15;

let directory: string;
let files: string[];

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-package-'));
  ({ files } = await packInto(directory));
});

afterAll(() => fs.rmSync(directory, { recursive: true }));

function textOf(file: string): string {
  return fs.readFileSync(`${ROOT}${file}`, 'utf8');
}

test('the package holds the library, the command line, its demos and its manual, and nothing that only tests need', () => {
  const folders = new Set(files.map((file) => /^dist\/fixtures\/[^/]+|^dist\/[^/]+|^[^/]+/.exec(file)?.[0]));
  expect([...folders].sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist/THIRD-PARTY-NOTICES',
    'dist/cli',
    'dist/commonjs',
    'dist/fixtures/demos',
    'dist/lib',
    'dist/man',
    'docs',
    'fixtures',
    'package.json',
  ]);
  expect(files.filter((file) => file.startsWith('fixtures/'))).toEqual(['fixtures/demos/ticket.json']);
});

test('no file of the package leads to a source map', () => {
  expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
  const programs = files.filter((file) => /\.(c?js|d\.ts)$/.test(file));
  expect(programs.length).toBeGreaterThan(100);
  expect(programs.filter((file) => textOf(file).includes('sourceMappingURL='))).toEqual([]);
});

test('whatever the package imports is a dependency that it declares', async () => {
  const imported = new Set<string>();
  const bundle = await rolldown({
    input: files.filter((file) => /\.c?js$/.test(file)).map((file) => `${ROOT}${file}`),
    platform: 'node',
    // The command line begins as a shell script (`launcher.sh`).
    onLog: () => undefined,
    plugins: [
      {
        name: 'imports',
        resolveId(specifier) {
          const name = packageOf(specifier);
          if (name === null) return null;
          imported.add(name);
          return { id: specifier, external: true };
        },
      },
    ],
  });
  await bundle.generate();
  for (const file of files.filter((name) => name.endsWith('.d.ts')))
    for (const [, specifier = ''] of textOf(file).matchAll(/^(?:import|export) .*? from ["']([^"']+)["'];$/gm))
      imported.add(packageOf(specifier) ?? 'lockstep');
  imported.delete('lockstep');
  // Loaded by `createRequire`, where it is needed.
  expect([...imported].sort()).toEqual(Object.keys(PACK.dependencies).sort());
});

test('an installation has few packages', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, { dev?: boolean }> };
  const installed = Object.entries(packages).filter(([place, { dev }]) => place !== '' && !dev);
  expect(installed.length).toBeLessThanOrEqual(MOST_INSTALLED);
  expect(installed.length).toBeGreaterThanOrEqual(Object.keys(PACK.dependencies).length);
  expect(Object.keys(PACK.dependencies).length).toBeLessThanOrEqual(MOST_NAMED);
});

test('the notices hold the licence of every package whose code is in the bundles, and of no other', async () => {
  const places = new Set<string>();
  const { default: bundles } = (await import(`${ROOT}rolldown.config.js`)) as { default: RolldownOptions[] };
  for (const { plugins: _, ...options } of bundles) {
    const { output } = await (await rolldown(options)).generate(options.output as object);
    const ids = output.flatMap((chunk) => (chunk.type === 'chunk' ? Object.keys(chunk.modules) : []));
    for (const id of ids) places.add(/^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? '');
  }
  places.delete('');
  expect(places.size).toBeGreaterThan(10);
  const notices = textOf('dist/THIRD-PARTY-NOTICES');
  const titles: string[] = [];
  for (const place of places) {
    const { name, version, license } = JSON.parse(fs.readFileSync(`${place}/package.json`, 'utf8'));
    titles.push(`${name} ${version} (${license})`);
    const [licence = ''] = fs.readdirSync(place).filter((file) => /^licen[cs]e/i.test(file));
    expect(notices, name).toContain(fs.readFileSync(`${place}/${licence}`, 'utf8').trim());
  }
  const listed = [...notices.matchAll(/^(?:@\S+\/)?[\w.-]+ \d+\.\d+\.\d+\S* \(.*\)$/gm)].map(([title]) => title);
  expect(listed.sort()).toEqual(titles.sort());
});
