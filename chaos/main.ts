import { EtcdRun } from './etcd/run.ts';
import { Run } from './run.ts';
import { type Settings, settingsFrom, USAGE } from './settings.ts';

// `npm run chaos`: see `settings.ts` for the options after `--`.

function settings(): Settings {
  try {
    return settingsFrom(process.argv.slice(2));
  } catch (error) {
    console.error(`chaos: ${(error as Error).message}\n${USAGE}`);
    process.exit(64);
  }
}

const chosen = settings();
const missing = chosen.store === 'etcd' ? EtcdRun.missing : null;
if (missing !== null) {
  console.error(`chaos: there can be no cluster here: ${missing}`);
  process.exit(69);
}
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());
console.log(`chaos: seed ${chosen.seed}, ${chosen.seconds} s, ${chosen.processes} processes`);
const { summary, notes, details, kept } = await (chosen.store === 'etcd'
  ? await EtcdRun.begin(chosen)
  : new Run(chosen)
).result(interrupted.signal);
console.log(summary);
for (const note of notes) console.log(`  ${note}`);
for (const detail of details) console.error(`WRONG: ${detail}`);
if (kept) console.error(`chaos: everything is kept in ${kept}`);
if (interrupted.signal.aborted) console.error('chaos: interrupted; nothing was judged');
process.exitCode = details.length > 0 || interrupted.signal.aborted ? 1 : 0;
