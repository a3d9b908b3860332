import { type Action, actionOf, actionRecord, admitsSome } from '../../line/action.ts';
import type { Config } from '../../line/config.ts';
import type { Answer } from '../../line/outcome.ts';
import { Actions } from './actions.ts';
import { CountActions, isCountAction } from './count-actions.ts';
import type { EtcdResource } from './etcd-resource.ts';
import { Puts } from './puts.ts';
import type { TicketBase } from './ticket-base.ts';

/** Does an action to a line from outside of it. One that is for another kind does nothing, as where its record is folded. */
export async function actOn(resource: EtcdResource, config: Config, action: Action, base: TicketBase): Promise<Answer> {
  const meant = actionOf(actionRecord(action, '', 0), config.kind);
  if (meant?.do === 'put') return new Puts(resource, config).put(meant);
  if (meant && isCountAction(meant)) return new CountActions(resource).do(meant, config);
  return new Actions(resource, config).take(meant, admitsSome(action), await base.get());
}
