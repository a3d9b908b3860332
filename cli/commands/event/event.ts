import prettyMs from 'pretty-ms';
import { Event, openStore } from '../../../lib/index.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { patienceOf } from '../../args/duration.ts';
import type { PatienceArguments, StoreArguments } from '../../args/options.ts';
import { Exit, say } from '../../output/exit.ts';
import { inShell } from '../../text/shell-word.ts';

export interface EventArguments extends StoreArguments, PatienceArguments {
  action: 'set' | 'clear' | 'wait';
  name: string;
}

export async function actOnEvent(args: EventArguments): Promise<void> {
  const { action, name, dir, nonblock, conflictExitCode } = args;
  const timeout = patienceOf(args);
  const event = new Event(name, { store: openStore(dir) });
  if (action !== 'wait') return event[action]();
  const notice = WaitNotice.begin(() => event);
  const isSet = await event.wait({ timeout, label: `event wait ${name}` }).finally(() => notice.end());
  if (isSet) return;
  // With --nonblock the exit code is the answer.
  if (!nonblock)
    say(`${name}: the event was not set within ${prettyMs(timeout)}; \`lockstep event set ${inShell(name)}\` sets it`);
  throw new Exit(conflictExitCode);
}
