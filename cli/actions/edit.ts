import { spawn } from 'node:child_process';
import { DeadlockError, LockTimeoutError } from '../../lib/errors.ts';
import { JsonFile } from '../../lib/json-file.ts';
import type { Lease } from '../../lib/lease.ts';
import { describeHolders } from '../acquisition.ts';
import { statusOf } from '../child.ts';
import type { EditArguments } from '../commands/edit.ts';
import { parseDuration } from '../duration.ts';
import { environmentOf } from '../environment.ts';
import { Exit, say, UsageError } from '../failure.ts';

/** EX_DATAERR: the filter's output is no JSON. */
const NOT_JSON = 65;

export async function editFile({ file, words, wait, nonblock, conflictExitCode, quiet }: EditArguments): Promise<void> {
  if (file === undefined) throw new UsageError('say which file: lockstep edit FILE.json -- FILTER [ARG…]');
  if (!words?.length) throw new UsageError('say which filter, behind --: lockstep edit FILE.json -- FILTER [ARG…]');
  const timeout = nonblock ? 0 : wait === undefined ? Number.POSITIVE_INFINITY : parseDuration(wait, '--wait');
  try {
    const json = new JsonFile(file);
    const change = (text: string, lease: Lease) => filtered(file, text, words, environmentOf(lease, json.lock.store));
    await json.updateText(change, { timeout });
  } catch (error) {
    if (error instanceof DeadlockError) {
      if (!quiet) say(error.message);
      throw new Exit(conflictExitCode);
    }
    if (!(error instanceof LockTimeoutError)) throw error;
    if (!quiet) say(`${file}: not acquired: held by ${describeHolders(error.holders)}`);
    throw new Exit(conflictExitCode);
  }
}

/** What the filter makes of the text. It must end well and print JSON, or nothing is changed. */
async function filtered(
  file: string,
  text: string,
  [program = '', ...args]: readonly string[],
  env: Record<string, string>,
): Promise<string> {
  const output = await filterThrough(program, args, { text, env });
  try {
    JSON.parse(output);
  } catch (error) {
    say(`${file}: ${program} printed no JSON (${(error as Error).message}); the file is unchanged`);
    throw new Exit(NOT_JSON);
  }
  return output;
}

interface Given {
  text: string;
  env: Record<string, string>;
}

function filterThrough(program: string, args: readonly string[], { text, env }: Given): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A filter need not read all of its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(text);
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      say(`${program}: ${error.code === 'ENOENT' ? 'command not found' : error.message}; the file is unchanged`);
      reject(new Exit(error.code === 'ENOENT' ? 127 : 126));
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else {
        say(`${program} failed (${signal ?? `exit ${code}`}); the file is unchanged`);
        reject(new Exit(statusOf(code, signal)));
      }
    });
  });
}
