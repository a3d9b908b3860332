import path from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** The entries of the package, as the mutant's own sources: it is never built. */
const alias = [
  { find: /^lockstep$/, replacement: path.resolve('lib/index.ts') },
  { find: /^lockstep\/monitor$/, replacement: path.resolve('lib/heartbeat/index.ts') },
  { find: /^lockstep\/(\w+)$/, replacement: path.resolve('lib/$1/index.ts') },
];

export default mergeConfig(base, defineConfig({ resolve: { alias } }));
