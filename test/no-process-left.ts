import fs from 'node:fs';
import path from 'node:path';

/** In the environment of everything that this test run starts, so that other runs' processes are not meant. */
const MARK = `LOCKSTEP_TEST_RUN=${process.pid}.${Date.now()}`;

/** vitest's global setup; what it returns runs when all tests are over. */
export default function setup(): () => void {
  const [name = '', value] = MARK.split('=');
  process.env[name] = value;
  return failIfAnyIsLeft;
}

function failIfAnyIsLeft(): void {
  const left = processesLeft();
  if (left.length === 0) return;
  // An error in here is reported, but vitest ends with 0 all the same.
  process.exitCode = 1;
  throw new Error(`the tests left processes behind:\n${left.join('\n')}`);
}

function processesLeft(): string[] {
  if (!fs.existsSync('/proc/self/environ')) return [];
  const built = path.resolve(import.meta.dirname, '..', 'dist');
  const pids = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    try {
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const ours = words.some((word) => word.startsWith(built));
      const marked = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(MARK);
      return ours && marked ? [`pid ${pid}: ${words.join(' ')}`] : [];
    } catch {
      // It ended meanwhile, or it is another user's.
      return [];
    }
  });
}
