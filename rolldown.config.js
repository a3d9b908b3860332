import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';
import { licensePlugin } from 'rolldown-license-plugin';

const assert = fileURLToPath(new URL('cli/startup/light-assert.ts', import.meta.url));
const light = fileURLToPath(new URL('cli/startup/light-string-width.ts', import.meta.url));
const threads = fileURLToPath(new URL('cli/startup/light-worker-threads.ts', import.meta.url));

const external = ['proper-lockfile', 'fs-extra'];

/**
 * What `run` needs, as one file: these folders and all that they import. Each file more costs a start about a
 * millisecond.
 */
const LOCKING = /\/cli\/(commands\/run|args|output)\/|\/node_modules\/cliui\//;

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
  name: 'commonjs',
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
 * A program of the library as one text in a module, for bundles of other programs: they have no files of ours. It is
 * CommonJS, which Node reads from its standard input and evaluates in a thread.
 */
const asText = (input, file, constant) => ({
  input,
  platform: 'node',
  plugins: [
    notices(),
    {
      name: 'as-text',
      generateBundle(_, bundle) {
        for (const chunk of Object.values(bundle))
          chunk.code = `export const ${constant} = ${JSON.stringify(chunk.code)};\n`;
      },
    },
  ],
  output: { file, format: 'cjs', minify: true },
});

// The command line is one small file that loads nothing else, and a chunk for each verb: a shell script
// that takes a lock ten times an hour waits for Node, not for us. The thread is a file of its own: it needs little of
// what the command line needs.
export default defineConfig([
  {
    input: { main: 'cli/main.ts' },
    platform: 'node',
    external,
    resolve: { alias: { 'string-width': light, assert, 'node:assert': assert, 'node:worker_threads': threads } },
    // yargs asks for it to read a configuration that extends another one. Ours has none, and CommonJS has not got it.
    transform: { define: { 'import.meta.resolve': 'undefined' } },
    // The package declares that its library has no side effects; the modules of the command line do.
    treeshake: { moduleSideEffects: [{ test: /\/cli\//, sideEffects: true }] },
    plugins: [notices(), ascii, commonjs, launcher],
    output: {
      dir: 'dist/cli',
      format: 'cjs',
      strict: true,
      minify: true,
      chunkFileNames: '[name]-[hash].js',
      cleanDir: true,
      codeSplitting: { groups: [{ name: 'locking', test: LOCKING }] },
    },
  },
  {
    input: { 'keepalive-worker': 'lib/session/keepalive-worker.ts' },
    platform: 'node',
    external,
    output: { dir: 'dist/cli', format: 'cjs', strict: true, minify: true },
  },
  asText('dist/lib/session/keepalive-worker.js', 'dist/lib/session/keepalive-code.js', 'KEEPALIVE_CODE'),
  // Last: it contains the text above.
  asText('dist/lib/process/child-main.js', 'dist/lib/process/child-code.js', 'CHILD_CODE'),
]);
