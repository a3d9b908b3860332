import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** In the environment of every process that this test run starts, to exclude the processes of other runs. */
const MARK = `LOCKSTEP_TEST_RUN=${process.pid}.${Date.now()}`;

const PATIENCE_MS = 2_000;

/** vitest's global setup; the returned function runs when all tests are over. */
export default function setup(): () => Promise<void> {
  const [name = '', value] = MARK.split('=');
  process.env[name] = value;
  return failIfAnyIsLeft;
}

async function failIfAnyIsLeft(): Promise<void> {
  // A guardian ends a moment after the main that it watched.
  const deadline = performance.now() + PATIENCE_MS;
  while (processesLeft().length > 0 && performance.now() < deadline) await delay(20);
  const left = processesLeft();
  if (left.length === 0) return;
  // vitest reports an error from here, but exits with 0 all the same.
  process.exitCode = 1;
  throw new Error(`the tests left processes behind:\n${left.join('\n')}`);
}

/** All processes that this run started, including shells and sleeps, except vitest's own workers. */
function processesLeft(): string[] {
  if (!fs.existsSync('/proc/self/environ')) return [];
  const pids = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    try {
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const marked = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(MARK);
      const isVitest = words.some((word) => word.includes('/vitest/'));
      return marked && !isVitest ? [`pid ${pid}: ${words.join(' ')}`] : [];
    } catch {
      // Already gone, or another user's.
      return [];
    }
  });
}
