import { Counter, openStore } from '../../../lib/index.ts';
import type { StoreArguments } from '../../args/options.ts';
import { EXIT, Exit, UsageError } from '../../output/exit.ts';

export interface CounterArguments extends StoreArguments {
  name: string;
  add?: string | undefined;
  take?: number | undefined;
  floor?: number | undefined;
  id?: string | undefined;
  json: boolean;
}

export async function count(args: CounterArguments): Promise<void> {
  const { name, add, dir } = args;
  const by = add === undefined ? undefined : parse(add);
  checkTake(args);
  const counter = new Counter(name, { store: openStore(dir) });
  if (args.take !== undefined) return take(counter, args.take, args);
  process.stdout.write(`${by === undefined ? await counter.get() : await counter.add(by)}\n`);
}

async function take(counter: Counter, n: number, { floor = 0, id, json }: CounterArguments): Promise<void> {
  const taken = await counter.take(n, { floor, ...(id === undefined ? {} : { id }) });
  if (json) process.stdout.write(`${JSON.stringify(taken)}\n`);
  else if (taken !== null) process.stdout.write(`${taken.left}\n`);
  if (taken === null) throw new Exit(EXIT.failed);
}

function checkTake({ add, take: taken, floor, id, json }: CounterArguments): void {
  if (taken !== undefined && add !== undefined) throw new UsageError(`--take takes, and ${add} adds: give one of them`);
  const alone = floor !== undefined ? '--floor' : id !== undefined ? '--id' : json ? '--json' : null;
  if (taken === undefined && alone !== null) throw new UsageError(`${alone} goes with --take N`);
}

function parse(add: string): number {
  if (!/^[+-]\d+$/.test(add))
    throw new UsageError(`the number to add must be whole and have a sign, such as +1 or -5, not '${add}'`);
  if (Number.isSafeInteger(Number(add))) return Number(add);
  throw new UsageError(`${add} is too large: a counter goes up to ${Number.MAX_SAFE_INTEGER}`);
}
