import { createInterface } from 'node:readline';
import { openStore, Queue, type QueueItem } from '../../../lib/index.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { patienceOf } from '../../args/duration.ts';
import { Exit, UsageError } from '../../output/exit.ts';
import { type QueueArguments, textOf } from './queue-arguments.ts';
import { runEach } from './run-each.ts';

const ACTIONS = ['put', 'get', 'run', 'join'];

export async function useQueue(args: QueueArguments): Promise<void> {
  check(args);
  const { name, action, maxSize } = args;
  const store = openStore(args.dir);
  const queue = new Queue<unknown>(name, { store, ...(maxSize === undefined ? {} : { maxSize }) });
  if (action === 'put') return putAll(queue, args);
  if (action === 'get') return getOne(queue, args);
  if (action === 'run') return runEach(queue, store, args);
  if (action === 'join') return join(queue, args);
  const status = await queue.status();
  const { queued, taken, waiting } = status;
  const words = `${queued} queued, ${taken} taken, ${waiting} waiting`;
  process.stdout.write(`${args.json ? JSON.stringify(status) : words}\n`);
}

async function putAll(queue: Queue<unknown>, args: QueueArguments): Promise<void> {
  const { items = [], words } = args;
  const timeout = patienceOf(args);
  const given = [...items, ...(words ?? [])];
  for await (const text of textsOf(given.length > 0 ? given : ['-'])) {
    const item = args.json ? parsed(text) : text;
    const notice = WaitNotice.begin(() => queue);
    const number = await queue.put(item, { timeout }).finally(() => notice.end());
    if (number === null) throw new Exit(args.conflictExitCode);
  }
}

/** `-` stands for the lines of the standard input. */
async function* textsOf(items: readonly string[]): AsyncGenerator<string> {
  for (const item of items) {
    if (item === '-') yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
    else yield item;
  }
}

async function getOne(queue: Queue<unknown>, args: QueueArguments): Promise<void> {
  const timeout = patienceOf(args);
  const notice = WaitNotice.begin(() => queue);
  const item = await queue.get({ timeout }).finally(() => notice.end());
  if (item === null) throw new Exit(args.conflictExitCode);
  await written(`${args.json ? jsonOf(item) : textOf(item)}\n`);
  await item.done();
}

/** Rejects if the text could not be written to its reader: then the item is not done. */
function written(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

async function join(queue: Queue<unknown>, args: QueueArguments): Promise<void> {
  const timeout = patienceOf(args);
  const notice = WaitNotice.begin(() => queue);
  const isOver = await queue.join({ timeout }).finally(() => notice.end());
  if (!isOver) throw new Exit(args.conflictExitCode);
}

function jsonOf({ value, sequence, attempt }: QueueItem<unknown>): string {
  return JSON.stringify({ value, sequence, attempt });
}

/** @throws {UsageError} */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`with --json each item is JSON, and this is none: ${text.slice(0, 80)}`);
  }
}

/** @throws {UsageError} */
function check({ action, items = [], words, maxSize, attempts }: QueueArguments): void {
  if (action !== undefined && !ACTIONS.includes(action))
    throw new UsageError(`a queue is used by ${ACTIONS.join(', ')}, not '${action}'`);
  const isBare = items.length === 0 && !words?.length;
  if (action === 'put' && isBare && process.stdin.isTTY && !process.argv.includes('-'))
    throw new UsageError('missing ITEM: lockstep queue NAME put ITEM… (or - for the lines of the standard input)');
  // yargs drops it.
  if (action === 'put' && !isBare && process.argv.includes('-') && !words?.includes('-'))
    throw new UsageError('- stands for the lines of the standard input, and alone');
  if (action !== 'put' && items.length > 0) throw new UsageError(`unexpected arguments: ${items.join(' ')}`);
  if (action !== 'put' && action !== 'run' && words) throw new UsageError('a command behind -- goes with run');
  if (action !== 'put' && maxSize !== undefined) throw new UsageError('--max-size goes with put');
  if (!Number.isSafeInteger(attempts) || attempts < 1)
    throw new UsageError(`--attempts must be a whole number from 1 up, not ${attempts}`);
}
