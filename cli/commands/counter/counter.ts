import { Counter, openStore } from '../../../lib/index.ts';
import type { StoreArguments } from '../../args/options.ts';
import { UsageError } from '../../output/exit.ts';

export interface CounterArguments extends StoreArguments {
  name: string;
  add?: string | undefined;
}

export async function count({ name, add, dir }: CounterArguments): Promise<void> {
  const by = add === undefined ? undefined : parse(add);
  const counter = new Counter(name, { store: openStore(dir) });
  process.stdout.write(`${by === undefined ? await counter.get() : await counter.add(by)}\n`);
}

function parse(add: string): number {
  if (!/^[+-]\d+$/.test(add))
    throw new UsageError(`the number to add must be whole and have a sign, such as +1 or -5, not '${add}'`);
  if (Number.isSafeInteger(Number(add))) return Number(add);
  throw new UsageError(`${add} is too large: a counter goes up to ${Number.MAX_SAFE_INTEGER}`);
}
