import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as main from 'lockstep';
import * as etcd from 'lockstep/etcd';
import * as history from 'lockstep/history';
import * as hot from 'lockstep/hot';
import * as jobs from 'lockstep/jobs';
import * as monitor from 'lockstep/monitor';
import * as observe from 'lockstep/observe';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';

/** Everything that the package exports at run time. */
const lockstep = { ...main, ...etcd, ...history, ...hot, ...jobs, ...monitor, ...observe };

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** The doc comment of an exported class, function or constant, without its frame. */
const DOCSTRING = /^\/\*\*\n((?: \*.*\n)+?) \*\/\nexport (?:abstract |async )?(?:class|function|const) (\w+)/gm;
const MOST_LINES = 8;

interface Example {
  name: string;
  code: string;
  /** The output that its `// prints …` comments promise, line by line. */
  prints: string;
}

/** The docstrings of everything that the library exports at run time, by name. */
function docstrings(): Map<string, string> {
  const exported = fs
    .readdirSync(`${ROOT}lib`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...fs.readFileSync(`${ROOT}lib/${file}`, 'utf8').matchAll(DOCSTRING)])
    .filter(([, , name = '']) => name in lockstep)
    .map(([, text = '', name = '']): [string, string] => [name, text.replace(/^ \* ?/gm, '')]);
  return new Map(exported);
}

/** Where the examples have their server. */
const SERVER = '127.0.0.1:2379';

const DOCS = docstrings();
const EXAMPLES: Example[] = [...DOCS].flatMap(([name, text]) =>
  text
    .split(/^@example\n/m)
    .slice(1)
    .map((example) => {
      const code = example.split(/^@/m)[0] ?? '';
      return {
        name,
        code,
        prints: [...code.matchAll(/\/\/ .*?\bprints (.*)\n/g)].map(([, line]) => `${line}\n`).join(''),
      };
    }),
);

/** The programs of the page on many machines. They print nothing. */
const PAGE = fs.readFileSync(`${ROOT}docs/many-machines.md`, 'utf8');
const PROGRAMS: Example[] = [...PAGE.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ''], at) => ({
  name: `many-machines-${at}`,
  code: code.replace('h1:2379,h2:2379,h3:2379', SERVER),
  prints: '',
}));

let directory: string;
/** Null: there is no etcd here, and what needs one is compiled only. */
let cluster: EtcdCluster | null = null;

beforeAll(async () => {
  if (HAS_ETCD) cluster = await EtcdCluster.start();
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-docstrings-'));
  fs.mkdirSync(path.join(directory, 'node_modules/@types'), { recursive: true });
  for (const [name, target] of [
    ['lockstep', ROOT],
    ['@types/node', `${ROOT}node_modules/@types/node`],
  ] as const)
    fs.symlinkSync(target, path.join(directory, 'node_modules', name));
  fs.writeFileSync(path.join(directory, 'package.json'), '{"type": "module"}');
  const { compilerOptions } = JSON.parse(fs.readFileSync(`${ROOT}tsconfig.json`, 'utf8'));
  const options = {
    ...compilerOptions,
    noEmit: false,
    outDir: 'out',
    rootDir: '.',
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
  fs.writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
  for (const { name, code } of [...EXAMPLES, ...PROGRAMS])
    fs.writeFileSync(
      path.join(directory, `${name}.ts`),
      code.replaceAll(SERVER, cluster?.members[0]?.endpoint ?? SERVER),
    );
}, 90_000);

afterAll(async () => {
  await cluster?.stop();
  fs.rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 20 });
});

/** Runs an example by itself: in a directory, and with a store, of its own. */
async function outputOf({ name }: Example): Promise<string> {
  const place = path.join(directory, 'places', name);
  fs.mkdirSync(place, { recursive: true });
  fs.writeFileSync(path.join(place, 'ticket.json'), '{"count": 5}\n');
  fs.writeFileSync(path.join(place, 'sing.js'), 'export default (person) => console.log(person, "sings");\n');
  const options = { cwd: place, env: { ...process.env, LOCKSTEP_DIR: path.join(place, 'store') } };
  const { stdout, stderr } = await run(process.execPath, [path.join(directory, 'out', `${name}.js`)], options);
  return stdout + stderr;
}

test('every exported class and function has a docstring with an example, and with when to use it', () => {
  expect([...DOCS.keys()].sort()).toEqual(Object.keys(lockstep).sort());
  expect([...new Set(EXAMPLES.map(({ name }) => name))].sort()).toEqual(Object.keys(lockstep).sort());
  const silent = [...DOCS].filter(([, text]) => !/\b(Use|Catch)\s+it\b/.test(text)).map(([name]) => name);
  expect(silent).toEqual([]);
});

/** The public members of the exported classes, and whether each has a docstring, as the package declares them. */
function members(): Map<string, Map<string, boolean>> {
  const files = fs.readdirSync(`${ROOT}dist/lib`, { recursive: true, encoding: 'utf8' });
  const classes = new Map<string, Map<string, boolean>>();
  const bases = new Map<string, string>();
  for (const file of files.filter((name) => name.endsWith('.d.ts'))) {
    const text = fs.readFileSync(`${ROOT}dist/lib/${file}`, 'utf8');
    for (const [, name = '', base = '', body = ''] of text.matchAll(
      /^declare (?:abstract )?class (\w+)(?: extends (\w+))?.*? \{\n(.*?)^\}/gms,
    )) {
      const found = new Map<string, boolean>();
      for (const [, comment, member = ''] of body.matchAll(
        /(\*\/\n)?^ {2}(?! |private|protected|constructor)(?:(?:static|readonly|get|set) )*([\w.]+|\[[\w.]+\])[(<:?;]/gm,
      ))
        found.set(member, found.get(member) === true || comment !== undefined);
      classes.set(name, found);
      bases.set(name, base);
    }
  }
  // As editors show it, a member without a docstring has that of the class above.
  const inherits = (name: string, member: string): boolean =>
    classes.get(name)?.get(member) ?? (bases.has(name) && inherits(bases.get(name) ?? '', member));
  for (const [name, found] of classes)
    for (const [member, has] of found) if (!has) found.set(member, inherits(bases.get(name) ?? '', member));
  return classes;
}

test('every public member of an exported class has a docstring', () => {
  const exported = [...members()].filter(([name]) => name in lockstep);
  expect(exported.length).toBeGreaterThan(15);
  const all = exported.flatMap(([name, found]) =>
    [...found].map(([member, has]) => ({ member: `${name}.${member}`, has })),
  );
  expect(all.length).toBeGreaterThan(60);
  expect(all.filter(({ has }) => !has).map(({ member }) => member)).toEqual([]);
});

test('every example is short, and says what it prints', () => {
  for (const { name, code, prints } of EXAMPLES) {
    expect(prints, name).not.toBe('');
    expect(code.trim().split('\n').length, name).toBeLessThanOrEqual(MOST_LINES);
  }
});

test('every example compiles against the package, and prints what it says', { timeout: 120_000 }, async () => {
  const { stdout } = await run(`${ROOT}node_modules/.bin/tsc`, ['-p', directory]).catch((error) => error);
  expect(stdout).toBe('');
  expect(PROGRAMS.map(({ code }) => code.includes(SERVER))).toEqual([true, true]);
  const runnable = [...EXAMPLES, ...PROGRAMS].filter(({ code }) => cluster !== null || !code.includes(SERVER));
  const waiting = [...runnable];
  const printed: Array<[name: string, text: string]> = [];
  // Two at a time: most of what they need is the start of a process.
  const runner = async () => {
    for (let example = waiting.shift(); example; example = waiting.shift())
      printed.push([example.name, await outputOf(example).catch((error) => String(error))]);
  };
  await Promise.all([runner(), runner()]);
  const promised = runnable.map(({ name, prints }) => [name, prints]);
  expect(Object.fromEntries(printed)).toEqual(Object.fromEntries(promised));
});
