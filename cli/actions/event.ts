import prettyMs from 'pretty-ms';
import { Event } from '../../lib/event.ts';
import { openStore } from '../../lib/open-store.ts';
import type { EventArguments } from '../commands/event.ts';
import { Exit, say } from '../failure.ts';
import { patienceOf } from '../patience.ts';
import { mortalAsInit } from '../signals.ts';

export async function actOnEvent(args: EventArguments): Promise<void> {
  const timeout = patienceOf(args);
  const event = new Event(args.name, { store: openStore(args.dir) });
  if (args.action !== 'wait') return event[args.action]();
  mortalAsInit();
  if (await event.wait({ timeout, label: `event wait ${args.name}` })) return;
  // Whoever only asks has its answer in the exit code.
  if (!args.nonblock) say(`${args.name}: not set within ${prettyMs(timeout)}`);
  throw new Exit(args.conflictExitCode);
}
