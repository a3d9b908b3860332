import path from 'node:path';
import { defineConfig } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { ENTRIES } from './rolldown.entries.js';

/**
 * Makes the declarations right for programs without `@types/node`, or without the newest `lib`: a module of Node's that is unknown is
 * ignored (`lib/node-types.ts` has what stands for its types then), and `Symbol.asyncDispose`, which every Node that we support has,
 * is declared. The constructor of a lease is our own: without this one, the class would seem to have one that takes nothing.
 */
const forAll = {
  name: 'for-all',
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      const text = chunk.code
        .replace(/^\/\/#(?:end)?region.*\n/gm, '')
        .replace(/^import .* from "node:.*";$/gm, '// @ts-ignore\n$&')
        .replace(/^declare class Lease .*\{\n(?: *#private;\n)?/m, '$&  private constructor();\n');
      const reference = /\bSymbol\.(?:asyncDispose|dispose)\b/.test(text)
        ? '/// <reference lib="esnext.disposable" />\n'
        : '';
      chunk.code = reference + text;
    }
  },
};

/**
 * For programs that are CommonJS: the same declarations once more, since TypeScript takes those of a module for a module. And a file
 * that requires the module, so that there is one copy of the library in the process, however it is loaded. (Node warns of a program
 * that requires a module itself, and some tools look only at the file's name.) What cannot require a module takes the copy that is
 * CommonJS (`rolldown.config.js`): Jest in most versions, and Node where it is told not to. Those two copies share what they must (`copies.ts`).
 */
const forCommonJs = {
  name: 'for-commonjs',
  generateBundle(_, bundle) {
    for (const { fileName, code, isEntry } of Object.values(bundle)) {
      const name = fileName.replace(/\.d\.ts$/, '');
      if (isEntry) this.emitFile({ type: 'asset', fileName: `${name}.cjs`, source: requiring(name) });
      this.emitFile({
        type: 'asset',
        fileName: `${name}.d.cts`,
        source: code.replace(/^(import .* from "\..*)\.js";$/gm, '$1.cjs";'),
      });
    }
  },
};

/** The file that is required instead of the module `dist/lib/NAME.js`. */
function requiring(name) {
  const { dir, base } = path.parse(name);
  const copy = path.relative(path.join('lib', dir), path.join('commonjs', `${name.replaceAll('/', '-')}.cjs`));
  return `'use strict';
try {
  module.exports = require('./${base}.js');
} catch {
  module.exports = require('${copy}');
}
`;
}

/** From the declarations of all files, which the compiler has put into `dist/types`: those of the public surface, and no others. */
export default defineConfig({
  input: Object.fromEntries(ENTRIES.map((entry) => [entry, `dist/types/lib/${entry}.d.ts`])),
  external: [/^node:/],
  checks: { pluginTimings: false },
  plugins: [dts({ dtsInput: true, tsconfig: false }), forAll, forCommonJs],
  output: { dir: 'dist/lib', chunkFileNames: '[name].d.ts', minifyInternalExports: false },
});
