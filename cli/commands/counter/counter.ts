import { openStore } from '../../../lib/disk/open-store.ts';
import { Counter } from '../../../lib/primitives/counter.ts';
import type { StoreArguments } from '../../args/options.ts';
import { UsageError } from '../../output/exit.ts';

export interface CounterArguments extends StoreArguments {
  name?: string | undefined;
  add?: string | undefined;
}

export async function count({ name, add, dir }: CounterArguments): Promise<void> {
  if (name === undefined) throw new UsageError('say which counter: lockstep counter NAME [+N|-N]');
  const by = add === undefined ? undefined : parse(add);
  const counter = new Counter(name, { store: openStore(dir) });
  process.stdout.write(`${by === undefined ? await counter.get() : await counter.add(by)}\n`);
}

function parse(add: string): number {
  if (!/^[+-]\d+$/.test(add)) throw new UsageError(`give a whole number with its sign, such as +1 or -5, not '${add}'`);
  if (Number.isSafeInteger(Number(add))) return Number(add);
  throw new UsageError(`a counter has numbers up to ${Number.MAX_SAFE_INTEGER}, and ${add} is none of them`);
}
