#!/usr/bin/env node
import { CodeCache } from './code-cache.ts';
import { OwnFiles } from './own-files.ts';

// The file that is called. It loads the program, and for the everyday verbs with the code that V8 compiled in an earlier call:
// that saves a start more time than all else.

/** Put here by the build: a hash of all files of the everyday verbs, and their names. The first is the program. */
declare const EVERYDAY_FILES: { hash: string; files: readonly [string, ...string[]] };
const VERBS = ['run', 'job', 'acquire', 'release', 'status'];

const [, , verb = ''] = process.argv;
const { hash, files } = EVERYDAY_FILES;
// With servers there is more code of each verb. A guess that is wrong costs a file of kept code, and nothing else.
const isRemote = [process.env.LOCKSTEP_STORE ?? '', ...process.argv].some((word) => /^(--\w+=)?etcds?:/.test(word));
// The constructor of Bun's modules cannot make another module.
const cache =
  VERBS.includes(verb) && !('Bun' in globalThis) ? CodeCache.of(isRemote ? `${verb}-etcd` : verb, hash) : null;
if (cache) {
  const own = new OwnFiles(module, files, cache);
  process.on('exit', (code) => {
    if (code === 0 && own.areAll) cache.keep();
  });
  own.load(files[0]);
} else module.require(`./${files[0]}`);
