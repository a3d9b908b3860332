import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { build } from 'rolldown';
import bundles from './rolldown.config.js';
import types from './rolldown.types.config.js';

// The second half of `npm run build:dist`, after the compiler. One after the other: some bundles contain earlier ones.

for (const config of [types, ...bundles]) await build({ logLevel: 'warn', ...config });
fs.rmSync('dist/types', { recursive: true });
fs.chmodSync('dist/cli/main.js', 0o755);
fs.mkdirSync('dist/man');
fs.writeFileSync('dist/man/lockstep.1', execFileSync(process.execPath, ['dist/cli/main.js', 'man']));
