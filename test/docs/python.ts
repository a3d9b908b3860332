import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));
export const hasPython = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;

/** A program in Python that is spoken to in lines, and can import docs/client.py. */
export interface Python {
  child: ChildProcess;
  /** Its next line of output. */
  line: () => Promise<string>;
  /** Gives it a line, and resolves to the one that it answers. */
  ask: (line: string) => Promise<string>;
}

export function python(...args: string[]): Python {
  const env = { ...process.env, PYTHONPATH: DOCS, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => (await lines.next()).value ?? '';
  const ask = (text: string) => {
    child.stdin.write(`${text}\n`);
    return line();
  };
  return { child, line, ask };
}
