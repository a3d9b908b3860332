/**
 * A lock in a TypeScript program: its processes deploy one after the other. `lease.token` grows from holder to holder, so the
 * server can refuse one that was suspended, lost its lock, and goes on. Node 22.18 and later run this file as it is.
 *
 * Run it, three times at once:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node deploy.ts & node deploy.ts & node deploy.ts & wait
 *
 * It prints:
 *   version 1 is live
 *   version 2 is live
 *   version 3 is live
 */
import fs from 'node:fs/promises';
import { Lock, LockTimeoutError } from 'lockstep';

interface Live {
  version: number;
  token: number;
}

/** Stands for the server: it goes on from what is live. */
async function deploy(token: number): Promise<Live> {
  const live: Live = await fs.readFile('live.json', 'utf8').then(JSON.parse, () => ({ version: 0, token: 0 }));
  if (token < live.token) throw new Error(`a newer deployment was here: ${live.token}`);
  const next = { version: live.version + 1, token };
  await fs.writeFile('live.json', JSON.stringify(next));
  return next;
}

const lock = new Lock('deploy');
try {
  const { version } = await lock.withLock(({ token }) => deploy(token), { timeout: 60_000 });
  console.log(`version ${version} is live`);
} catch (error) {
  if (!(error instanceof LockTimeoutError)) throw error;
  console.error(`not deployed: ${error.message}`); // It names the holder.
  process.exitCode = 75;
}
