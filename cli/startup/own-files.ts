import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import type { Module } from 'node:module';
import type { CodeCache } from './code-cache.ts';

/** The wrapper that Node puts around a file of CommonJS. */
const HEAD = '(function (exports, require, module, __filename, __dirname) { ';
const TAIL = '\n});';

type Program = (exports: unknown, require: (id: string) => unknown, module: Module, file: string, dir: string) => void;

/**
 * Loads the files of the everyday verbs as Node loads files of CommonJS, but with cached code. All other files are Node's: to them
 * these are loaded modules like any others.
 */
export class OwnFiles {
  readonly #main: Module;
  readonly #directory: string;
  readonly #files: readonly string[];
  readonly #cache: CodeCache;
  /** Whether no other file was loaded: the call was one of the everyday ones, and no mistake or request for help. */
  areAll = true;

  /** @param files their names in the directory of the module `main`, which has required nothing yet */
  constructor(main: Module, files: readonly string[], cache: CodeCache) {
    this.#main = main;
    this.#directory = main.path;
    this.#files = files;
    this.#cache = cache;
  }

  load(name: string): Module {
    const file = `${this.#directory}/${name}`;
    const loaded = require.cache[file];
    if (loaded) return loaded;
    const module = new (this.#main.constructor as new (id: string, parent: Module) => Module)(file, this.#main);
    module.filename = file;
    module.paths = this.#main.paths;
    require.cache[file] = module as NodeJS.Module;
    const required = (id: string) => this.#required(module, id);
    this.#compiled(name, file).call(module.exports, module.exports, required, module, file, this.#directory);
    module.loaded = true;
    return module;
  }

  #required(module: Module, id: string): unknown {
    if (id.startsWith('./')) {
      const name = id.slice(2);
      if (this.#files.includes(name)) return this.load(name).exports;
      this.areAll = false;
    }
    return module.require(id);
  }

  #compiled(name: string, file: string): Program {
    const fd = openSync(file, 'r');
    try {
      const { size, mtimeMs } = fstatSync(fd);
      // The build leaves no other characters in it than those of ASCII.
      const text = HEAD + readFileSync(fd, 'latin1') + TAIL;
      const options = { filename: file, columnOffset: -HEAD.length };
      return this.#cache.compile({ file: name, size, mtimeMs }, text, options).runInThisContext();
    } finally {
      closeSync(fd);
    }
  }
}
