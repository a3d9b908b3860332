import { configDefaults, defineConfig } from 'vitest/config';

// `npm test` stays under six minutes on two cores.

/** What it leaves to `npm run simulation`. */
const EXPLORATIONS = ['test/simulation/{explorer,kernel,three-processes,two-processes}.test.ts'];

/**
 * What it leaves to `npm run thorough`: faults at every call, which take the longest; what the library and the command line need
 * others for (demos, terminals, shells' completions, bundlers, web servers, containers, the many ways to start a main program); and
 * verbs that only show.
 */
const THOROUGH = [
  'test/chaos/**',
  'test/cli/inheritance.test.ts',
  'test/cli/{completion,deadlock,doctor,help,history,job-ping,job-zone,jobs,monitor,other-user,timeline,top,write-errors}.test.ts',
  'test/deadlock/deadlock-processes.test.ts',
  'test/demo/**',
  'test/disk/guarded.test.ts',
  'test/docs/{docstrings,recipes}.test.ts',
  'test/faults/{every-call,kernel}.test.ts',
  'test/heartbeat/heartbeat-processes.test.ts',
  'test/package/bundled.test.ts',
  'test/process/start.test.ts',
  'test/session/container.test.ts',
];

/** With names on its command line vitest runs those. */
const isWhole = process.argv.slice(2).every((word) => ['run', 'list'].includes(word) || word.startsWith('-'));
const isThorough = process.env.LOCKSTEP_TESTS === 'thorough';

export default defineConfig({
  test: {
    include: isThorough ? THOROUGH.map((files) => files.replace(/\*\*$/, '**/*.test.ts')) : ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(isWhole && !isThorough ? [...EXPLORATIONS, ...THOROUGH] : [])],
    globalSetup: 'test/support/no-process-left.ts',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores: more files at once would only make the real processes wait for each other.
    maxWorkers: 2,
    pool: 'forks',
    // The largest explorations remember tens of millions of states.
    execArgv: process.env.LOCKSTEP_SIMULATION ? ['--max-old-space-size=12000'] : [],
  },
});
