import { configDefaults, defineConfig } from 'vitest/config';

// `npm test` stays under six minutes on two cores.

/** What it leaves to `npm run simulation`. */
const EXPLORATIONS = ['test/simulation/{explorer,kernel,three-processes,two-processes}.test.ts'];

/**
 * What it leaves to `npm run thorough`: faults at every call, which take the longest; what the library and the command line need
 * others for (demos, terminals, shells' completions, bundlers, web servers, other users and namespaces; flock, timeout and sem);
 * children of a program, and all the ways to start and to end one; random input; and verbs beside
 * `run`, `acquire`, `edit` and `job`.
 */
const THOROUGH = [
  'test/chaos/**',
  'test/cli/{completion,deadlock,doctor,help,history,job-ping,job-zone,jobs,monitor,other-user,timeline,top,write-errors}.test.ts',
  'test/cli/{barrier,beat,counter,event,forget,job-history,job-overlap,status,trust}.test.ts',
  'test/cli/{inheritance,not-found,run-bytes,unseen}.test.ts',
  'test/deadlock/deadlock-processes.test.ts',
  'test/demo/**',
  'test/disk/{guarded,store-owner}.test.ts',
  'test/docs/{beside-flock,beside-sem,beside-timeout,docstrings,recipes}.test.ts',
  'test/faults/{every-call,kernel,lifeline,rejected}.test.ts',
  'test/fuzz/**',
  'test/heartbeat/heartbeat-processes.test.ts',
  'test/package/bundled.test.ts',
  'test/primitives/lock-manager-processes.test.ts',
  'test/process/{main-end,process,result,start}.test.ts',
  'test/session/{container,namespace}.test.ts',
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
