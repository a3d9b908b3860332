import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * vitest's global setup: what the command line keeps for its later calls goes into a directory of this test run, and not into the
 * user's. So all its calls in a test, except the first ones, run the kept code, as a user's do.
 */
export default function setup(): () => void {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-cache-'));
  process.env.XDG_CACHE_HOME = directory;
  return () => fs.rmSync(directory, { recursive: true });
}
