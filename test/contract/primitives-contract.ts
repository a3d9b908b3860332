import { describeDeadlocks } from './deadlock-contract.ts';
import { describeLocks } from './locks-contract.ts';
import { describeMeetings } from './meetings-contract.ts';
import type { Parties } from './parties.ts';
import { describeQueues } from './queues-contract.ts';
import { describeTakes } from './takes-contract.ts';

/** What every primitive must do, whatever store it is in. */
export function describePrimitives(kind: string, open: () => Parties): void {
  describeLocks(`locks ${kind}`, open);
  describeMeetings(`meetings ${kind}`, open);
  describeTakes(kind, open);
  describeQueues(kind, open);
  describeDeadlocks(`deadlocks ${kind}`, open);
}
