import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const directory = fs.mkdtempSync(path.join(tmpdir(), 'lockstep-start-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));

/** Writes down, as the process ends, which files it has loaded, and which modules of Node's that a bare program does not load. */
const WITNESS = `
const before = new Set(process.moduleLoadList);
process.on('exit', () => {
  const files = Object.keys(require.cache).filter((file) => file !== __filename);
  const modules = process.moduleLoadList.filter((name) => !before.has(name));
  require('node:fs').writeFileSync(process.env.WITNESS, JSON.stringify({ files, modules }));
});
`;

function loadedBy(...words: readonly string[]): { files: string[]; modules: string[] } {
  const [witness, report] = [path.join(directory, 'witness.cjs'), path.join(directory, 'report.json')];
  fs.writeFileSync(witness, WITNESS);
  execFileSync(process.execPath, ['--require', witness, MAIN, ...words], {
    env: { ...process.env, WITNESS: report, LOCKSTEP_DIR: path.join(directory, 'store') },
    stdio: 'pipe',
  });
  const { files, modules } = JSON.parse(fs.readFileSync(report, 'utf8'));
  return { files: files.map((file: string) => path.basename(file).replace(/-[\w-]{8}\.js$/, '.js')), modules };
}

test.each([
  ['run x -- true', ['main.js', 'program.js']],
  [`acquire y --pid ${process.pid}`, ['main.js', 'program.js', 'shown.js']],
  ['status', ['main.js', 'program.js', 'shown.js']],
  [`release y --pid ${process.pid}`, ['main.js', 'program.js', 'shown.js']],
  ['job j -- true', ['main.js', 'program.js', 'job.js']],
])('%s loads these files alone', (line, files) => {
  expect(loadedBy(...line.split(' ')).files).toEqual(files);
});

test('a run that does not wait loads no module of Node’s that it does not use', () => {
  const { modules } = loadedBy('run', 'x', '--', 'true');
  const costly = ['v8', 'timers/promises', 'fs/promises', 'worker_threads', 'crypto', 'tty', 'readline', 'perf_hooks'];
  const ofStreams = ['internal/fs/sync_write_stream'];
  expect(modules.filter((name) => [...costly, ...ofStreams].includes(name.replace('NativeModule ', '')))).toEqual([]);
});

/** A message of yargs that Lockstep has not got. */
const OF_YARGS = 'Missing required argument';

test('yargs is not in the files of these verbs, and is loaded for what it is needed for', () => {
  const having = fs.readdirSync(path.dirname(MAIN)).filter((file) => {
    return file.endsWith('.js') && fs.readFileSync(path.join(path.dirname(MAIN), file), 'utf8').includes(OF_YARGS);
  });
  expect(having).toEqual([expect.stringMatching(/^yargs-/)]);
  expect(loadedBy('run', '--help').files).toContain('yargs.js');
});
