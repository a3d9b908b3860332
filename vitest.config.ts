import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// `npm test` stays under six minutes on two cores.

/** What it leaves to `npm run simulation`. */
const EXPLORATIONS = ['test/simulation/{explorer,kernel,three-processes,two-processes}.test.ts'];

/**
 * What it leaves to `npm run thorough`: faults at every call, which take the longest; what the library and the command line need
 * others for (demos, benchmarks, terminals, shells' completions, bundlers, web servers, other users and namespaces; flock, timeout and sem);
 * servers of etcd, real ones and faulty ones; those of hot counts; children of a program, and all the ways to start and to end one; random input; and verbs beside
 * `run`, `acquire`, `edit` and `job`.
 */
const THOROUGH = [
  'test/bench/smoke.test.ts',
  'test/chaos/**',
  'test/cli/*/{bytes,deadlock,inheritance,not-found,other-user,terminal,trust,unseen,wait-progress,write-errors}.test.ts',
  'test/cli/commands/{barrier/barrier,beat/beat,completion/completion,counter/counter,doctor/{doctor,servers},event/event}.test.ts',
  'test/cli/commands/{forget/forget,help/help,history/history,jobs/jobs,man/man,monitor/monitor,status/status}.test.ts',
  'test/cli/commands/{timeline/timeline,top/top}.test.ts',
  'test/cli/remote/**',
  'test/cli/commands/job/{overlap,ping,run-log,zone}.test.ts',
  'test/deadlock/deadlock-processes.test.ts',
  'test/demo/**',
  'test/disk/{guarded,store-owner}.test.ts',
  'test/contract/etcd-{model,primitives}.test.ts',
  'test/etcd/{beside-grpc-js,cluster-faults,grpc-faults,guest,lease-clock,real-server,security}.test.ts',
  'test/etcd/{deploy-script,store-faults,store-losses,store-peers,store-queues,store-races,store-users,store-takes}.test.ts',
  'test/etcd/{guard-script,json-document,unreachable}.test.ts',
  'test/etcd/{adopted-process,expiry,full-line,idle-names,session-end}.test.ts',
  'test/docs/{beside-flock,beside-sem,beside-timeout,comparison,docstrings,moving-in,recipes}.test.ts',
  'test/docs/{deploying,deploying-busybox,deploying-containers}.test.ts',
  'test/faults/{every-call,kernel,lifeline,rejected}.test.ts',
  'test/foreign/families.test.ts',
  'test/fuzz/**',
  'test/heartbeat/heartbeat-processes.test.ts',
  'test/package/{bundled,bundled-keeper}.test.ts',
  'test/history/history-agrees.test.ts',
  'test/hot/{back-files,back-servers,crashes,etcd,servers}.test.ts',
  'test/cli/commands/{hot/hot,queue/queue,run/end,run/flock}.test.ts',
  'test/primitives/{barrier,copies,event,lock-manager-processes}.test.ts',
  'test/process/{main-end,map,process,result,start}.test.ts',
  'test/session/{container,namespace}.test.ts',
];

/** With names on its command line vitest runs those. */
const isWhole = process.argv.slice(2).every((word) => ['run', 'list'].includes(word) || word.startsWith('-'));
const isThorough = process.env.LOCKSTEP_TESTS === 'thorough';

/** The large simulation takes as long as its longest file, if that one is the first. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification) => Number(moduleId.endsWith('/two-processes.test.ts'));
    return (await super.sort(files)).sort((a, b) => isLongest(b) - isLongest(a));
  }
}

export default defineConfig({
  test: {
    include: isThorough ? THOROUGH.map((files) => files.replace(/\*\*$/, '**/*.test.ts')) : ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(isWhole && !isThorough ? [...EXPLORATIONS, ...THOROUGH] : [])],
    globalSetup: ['test/support/no-process-left.ts', 'test/support/own-environment.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores: more files at once would only make the real processes wait for each other; but those of the thorough set wait for leases,
    // timeouts and servers for a third of their time.
    maxWorkers: isThorough ? 3 : 2,
    pool: 'forks',
    ...(process.env.LOCKSTEP_SIMULATION ? { sequence: { sequencer: LongestFirst } } : {}),
    // The largest explorations remember tens of millions of states.
    execArgv: process.env.LOCKSTEP_SIMULATION ? ['--max-old-space-size=12000'] : [],
  },
});
