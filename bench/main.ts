import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { acquisitions } from './acquisitions.ts';
import { counting } from './counting.ts';
import { deadlock } from './deadlock.ts';
import { isSmoke } from './effort.ts';
import { etcdClient } from './etcd-client.ts';
import { etcdLocks } from './etcd-locks.ts';
import { fold } from './fold.ts';
import { handoff } from './handoff.ts';
import { hotCounts } from './hot-counts.ts';
import { jobs } from './jobs.ts';
import { machineOf, machineText } from './machine.ts';
import { manyNames } from './many-names.ts';
import { memory } from './memory.ts';
import { monitor } from './monitor.ts';
import { ownPublication } from './publication.ts';
import { queue } from './queue.ts';
import { recovery } from './recovery.ts';
import { replacing } from './replacing.ts';
import { sectionText, summaryText } from './report.ts';
import { rotation } from './rotation.ts';
import type { Benchmark, Section } from './section.ts';
import { startup } from './startup.ts';
import { status } from './status.ts';
import { tickets } from './tickets.ts';
import { uncontended } from './uncontended.ts';
import { updating } from './updating.ts';
import { waiting } from './waiting.ts';

// `npm run bench` runs all of them, writes bench/results.json, and draws the chart and the table of the README from it.
// `npm run bench -- NAME…` runs some and only prints: the file has the figures of one run on one machine.
// `npm run bench -- --draw` draws again what bench/results.json has.

const BENCHMARKS: Record<string, Benchmark> = {
  uncontended,
  handoff,
  recovery,
  startup,
  memory,
  fold,
  rotation,
  replacing,
  monitor,
  deadlock,
  counting,
  waiting,
  names: manyNames,
  acquisitions,
  status,
  jobs,
  updating,
  tickets,
  queue,
  'etcd-client': etcdClient,
  'etcd-locks': etcdLocks,
  'hot-counts': hotCounts,
};

const words = process.argv.slice(2);
if (words.join() === '--draw') {
  ownPublication().draw();
  process.exit();
}
const unknown = words.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(64);
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-bench-'));
// The user's own store and settings do not count here.
for (const name of Object.keys(process.env)) if (/^LOCKSTEP_(?!BENCH)/.test(name)) delete process.env[name];
// What the command line keeps for its later calls is kept for this run alone.
process.env.XDG_CACHE_HOME = directory;
try {
  const machine = machineOf(directory);
  console.log(`${machineText(machine)}\n${busyText()}`);
  const sections: Section[] = [];
  for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
    if (words.length > 0 && !words.includes(name)) continue;
    const place = path.join(directory, name);
    fs.mkdirSync(place);
    const section = await benchmark(place);
    sections.push(section);
    console.log(sectionText(section));
  }
  process.stdout.write(summaryText(sections));
  if (words.length === 0 && !isSmoke)
    ownPublication().write({ machine, measuredOn: new Date().toISOString().slice(0, 10), sections });
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}

function busyText(): string {
  const [load = 0] = os.loadavg();
  return load < 0.5 ? '' : `The machine is busy (load ${load.toFixed(1)}): repeat this when it is not.\n`;
}
