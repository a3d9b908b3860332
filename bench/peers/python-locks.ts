import type { Contestant } from '../interleave.ts';
import type { Peers } from './node-locks.ts';
import { PythonProgram, pythonWith } from './python.ts';

const NAMES: Record<string, string> = {
  filelock: 'Python filelock acquire, release',
  multiprocessing: 'Python multiprocessing.Lock',
};
const FILELOCK_ABSENT = 'Python’s filelock (apt-get install python3-filelock)';

/** Python's locks, in one Python process that runs a batch on command, and measures it by itself. */
export async function pythonPeers(directory: string): Promise<Peers & AsyncDisposable> {
  const python = pythonWith('filelock');
  if (!python) {
    const absent = [FILELOCK_ABSENT, 'Python’s multiprocessing.Lock (apt-get install python3)'];
    return { contestants: [], absent, [Symbol.asyncDispose]: async () => {} };
  }
  const program = new PythonProgram(python, 'batches.py', [directory]);
  const locks: string[] = JSON.parse(await program.answer());
  const contestants = Object.keys(NAMES)
    .filter((lock) => locks.includes(lock))
    .map((lock): Contestant => {
      const batch = async (cycles: number) => (await program.ask(`${lock} ${cycles}`)) as number[];
      return { name: NAMES[lock] ?? lock, batch };
    });
  const absent = locks.includes('filelock') ? [] : [FILELOCK_ABSENT];
  return { contestants, absent, [Symbol.asyncDispose]: () => program.end() };
}
