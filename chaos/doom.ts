import fs from 'node:fs';
import { Random } from './random.ts';

// A shim for `node --import`: at a file call that the seed in CHAOS_DOOM chooses, the process kills or stops
// itself. Signals from outside hardly ever hit the moment between two calls. The parent process resumes it.

type FileCall = (...args: unknown[]) => unknown;

const CALLS = [
  'openSync',
  'closeSync',
  'readSync',
  'writeSync',
  'linkSync',
  'unlinkSync',
  'readdirSync',
  'lstatSync',
  'utimesSync',
  'fdatasyncSync',
  'fsyncSync',
  'fchmodSync',
  'renameSync',
  'mkdirSync',
  'write',
  'fsync',
  'rename',
] as const;
/** The calls of a rotation and of a file's replacement are rare: the weight makes them as likely as the others. */
const RARE: readonly string[] = [
  'linkSync',
  'unlinkSync',
  'fdatasyncSync',
  'fsyncSync',
  'renameSync',
  'fsync',
  'rename',
];
const RARE_COUNTS = 40;
const FATES = { 'killed before': 2, 'killed after': 2, torn: 2, 'stopped before': 3, 'stopped after': 3 };

const random = new Random(Number(process.env.CHAOS_DOOM ?? 0));
let rest = nextRest();

function nextRest(): number {
  return random.whole(200, 6_000);
}

function end(fate: string): void {
  process.kill(process.pid, fate.startsWith('stopped') ? 'SIGSTOP' : 'SIGKILL');
}

/** Writes a part of a record. The library writes bytes; the detectors write text, which stays whole. */
function tear(original: FileCall, [fd, bytes, , length]: unknown[]): void {
  if (bytes instanceof Uint8Array) original(fd, bytes, 0, random.whole(0, Number(length)), null);
}

const calls = fs as unknown as Record<string, FileCall>;
for (const name of CALLS) {
  const original = calls[name] as FileCall;
  calls[name] = (...args) => {
    rest -= RARE.includes(name) ? RARE_COUNTS : 1;
    if (rest > 0) return original(...args);
    rest = nextRest();
    const fate = random.weighted(FATES);
    if (fate === 'torn' && name === 'writeSync') tear(original, args);
    if (!fate.endsWith('after')) end(fate);
    const result = original(...args);
    if (fate.endsWith('after')) end(fate);
    return result;
  };
}
