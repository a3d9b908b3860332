import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';
import { licensePlugin } from 'rolldown-license-plugin';
import { ENTRIES } from './rolldown.entries.js';

const assert = fileURLToPath(new URL('cli/startup/light-assert.ts', import.meta.url));
const light = fileURLToPath(new URL('cli/startup/light-string-width.ts', import.meta.url));
const threads = fileURLToPath(new URL('cli/startup/light-worker-threads.ts', import.meta.url));

const external = ['proper-lockfile', 'fs-extra', 'node-sqlite3-wasm'];

/**
 * The files of the everyday verbs: what matches, and all that it imports and no earlier one has. Each file more costs a start about
 * a millisecond. The first has the program itself.
 */
const GROUPS = [
  { name: 'program', test: /\/cli\/(main\.ts|commands\/run\/)|rolldown\/runtime/, priority: 4 },
  { name: 'shown', test: /\/cli\/commands\/(acquire|release|status)\//, priority: 3 },
  { name: 'job', test: /\/cli\/commands\/job\/job\.ts/, priority: 2 },
  { name: 'etcd', test: /\/lib\/etcd\//, priority: 2 },
  { name: 'yargs', test: /\/cli\/args\/yargs-call/, priority: 1 },
];

/** The licences of exactly the packages that are in the bundles: their texts must ship with them. */
const licences = new Map();
const notices = () =>
  licensePlugin({
    allow: ({ licenseText }) => licenseText !== '',
    failOnViolation: true,
    failOnUnlicensed: true,
    done(packages) {
      for (const { name, version, license, licenseText } of packages)
        licences.set(`${name} ${version} (${license})`, licenseText.trim());
      const texts = [...licences].sort().map(([title, text]) => `${title}\n\n${text}\n`);
      fs.writeFileSync(
        'dist/THIRD-PARTY-NOTICES',
        `The files in dist/cli, and the programs in dist/lib that are one text, contain code of these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`,
      );
    },
  });

/**
 * Says that the files beside it are CommonJS. Node reads a program of that kind without its loader of ES modules, which takes
 * 2 MB in every process that waits.
 */
const commonjs = {
  name: 'declares-commonjs',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' });
  },
};

/** Writes other characters as escapes: a text that has one of them takes twice the memory in the running program. */
const ascii = {
  name: 'ascii',
  generateBundle(_, bundle) {
    const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    for (const chunk of Object.values(bundle))
      if (chunk.type === 'chunk') chunk.code = chunk.code.replace(/[^\0-\x7f]/g, escaped);
  },
};

/** What `boot.ts` must know of the files of the everyday verbs, which are built before it. */
const everyday = { hash: '', files: [] };
const everydayFiles = {
  name: 'everyday-files',
  generateBundle(_, bundle) {
    const names = GROUPS.map(({ name }) => name).filter((name) => name !== 'yargs');
    const chunks = names.map((name) => Object.values(bundle).find((chunk) => chunk.name === name));
    everyday.files = chunks.map(({ fileName }) => fileName);
    everyday.hash = createHash('sha256')
      .update(JSON.stringify(chunks.map(({ code }) => code)))
      .digest('hex')
      .slice(0, 32);
  },
};
const forBoot = {
  name: 'for-boot',
  generateBundle(_, bundle) {
    const main = bundle['main.js'];
    main.code = main.code.replace('EVERYDAY_FILES', () => JSON.stringify(everyday));
  },
};

/**
 * Gives the modules of Node's that are imported by `default` this as one more name. The bundler's own way is to define each name
 * of theirs anew, at every start: 0.5 ms for `node:fs`.
 */
const builtins = {
  name: 'builtins',
  generateBundle(_, bundle) {
    const twice = /([\w$]+)=require\((["`])(node:[\w/]+)\2\);\1=[\w$]+\(\1,1\)/g;
    for (const chunk of Object.values(bundle))
      if (chunk.type === 'chunk')
        chunk.code = chunk.code.replace(twice, '$1=require("$3");$1=Object.create($1,{default:{value:$1}})');
  },
};

/**
 * The command line begins as a shell script (`launcher.sh`). The shells of other systems that read its first line, as npm does on
 * Windows, must find one there.
 */
const launcher = {
  name: 'launcher',
  generateBundle(_, bundle) {
    const main = bundle['main.js'];
    main.code = main.code.replace(/^#!.*\n/, () => fs.readFileSync('cli/startup/launcher.sh', 'utf8'));
  },
};

/**
 * In the place of the module that looks for the code of stores on etcd beside itself: one that a bundler follows. `file`: that code.
 */
const etcdWithin = (file) => ({
  name: 'etcd-within',
  resolveId: (specifier) => (/\/etcd-module\.[jt]s$/.test(specifier) ? '\0etcd-module' : null),
  load: (id) =>
    id === '\0etcd-module' ? `export const loadEtcd = () => import(${JSON.stringify(path.resolve(file))});\n` : null,
});

/**
 * A program of the library as one text in a module, for bundles of other programs: they have no files of ours. It is
 * CommonJS, which Node reads from its standard input and evaluates in a thread.
 */
const asText = (input, file, constant) => ({
  input,
  platform: 'node',
  plugins: [
    notices(),
    etcdWithin('dist/lib/etcd/open-etcd-store.js'),
    {
      name: 'as-text',
      generateBundle(_, bundle) {
        for (const chunk of Object.values(bundle))
          chunk.code = `export const ${constant} = ${JSON.stringify(chunk.code)};\n`;
      },
    },
  ],
  // A text has no files beside it.
  output: { file, format: 'cjs', minify: true, codeSplitting: false },
});

/**
 * The library once more as CommonJS, for what cannot require a module (`rolldown.types.config.js`). All imports of packages must
 * be calls of `require` there: Jest has no other. A package that is a module only is part of it for that reason.
 *
 * The programs of its threads and processes run in Node itself: those are the modules, and no copies.
 */
const commonjsLibrary = {
  input: Object.fromEntries(ENTRIES.map((entry) => [entry.replaceAll('/', '-'), `lib/${entry}.ts`])),
  platform: 'node',
  external: ['croner', 'ms', ...external],
  plugins: [
    notices(),
    etcdWithin('lib/etcd/open-etcd-store.ts'),
    {
      name: 'own-programs',
      generateBundle() {
        for (const file of ['process/child-main.js', 'session/keepalive-worker.js', 'etcd/store/keeper-main.js'])
          this.emitFile({ type: 'asset', fileName: path.basename(file), source: `import '../lib/${file}';\n` });
      },
    },
  ],
  output: {
    dir: 'dist/commonjs',
    format: 'cjs',
    dynamicImportInCjs: false,
    minify: { compress: true, mangle: { keepNames: true } },
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
  },
};

// The command line is a small file that is called, one with the program, and a chunk for each verb: a shell script
// that takes a lock ten times an hour waits for Node, not for us. The thread is a file of its own: it needs little of
// what the command line needs.
export default defineConfig([
  commonjsLibrary,
  {
    input: { program: 'cli/main.ts' },
    platform: 'node',
    external,
    resolve: { alias: { 'string-width': light, assert, 'node:assert': assert, 'node:worker_threads': threads } },
    // yargs asks for it to read a configuration that extends another one. Ours has none, and CommonJS has not got it.
    transform: { define: { 'import.meta.resolve': 'undefined' } },
    // The package declares that its library has no side effects; the modules of the command line do.
    treeshake: { moduleSideEffects: [{ test: /\/cli\//, sideEffects: true }] },
    plugins: [notices(), etcdWithin('lib/etcd/open-etcd-store.ts'), ascii, builtins, commonjs, everydayFiles],
    output: {
      dir: 'dist/cli',
      format: 'cjs',
      strict: true,
      minify: true,
      chunkFileNames: '[name]-[hash].js',
      cleanDir: true,
      codeSplitting: { groups: GROUPS },
    },
  },
  {
    input: { main: 'cli/startup/boot.ts' },
    platform: 'node',
    plugins: [forBoot, launcher],
    output: { dir: 'dist/cli', format: 'cjs', strict: true, minify: true },
  },
  {
    input: { 'keepalive-worker': 'lib/session/keepalive-worker.ts' },
    platform: 'node',
    external,
    output: { dir: 'dist/cli', format: 'cjs', strict: true, minify: true },
  },
  {
    input: { 'keeper-main': 'lib/etcd/store/keeper-main.ts' },
    platform: 'node',
    external,
    plugins: [notices()],
    output: { file: 'dist/cli/keeper-main.js', format: 'cjs', strict: true, minify: true, codeSplitting: false },
  },
  asText('dist/lib/etcd/store/keeper-main.js', 'dist/lib/etcd/store/keeper-code.js', 'KEEPER_CODE'),
  asText('dist/lib/session/keepalive-worker.js', 'dist/lib/session/keepalive-code.js', 'KEEPALIVE_CODE'),
  // Last: it contains the texts above.
  asText('dist/lib/process/child-main.js', 'dist/lib/process/child-code.js', 'CHILD_CODE'),
]);
