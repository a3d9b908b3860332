import { type BackState, HotCounter, hasPassword } from '../../../lib/hot/index.ts';
import { openStore } from '../../../lib/index.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { parseDuration } from '../../args/duration.ts';
import type { StoreArguments } from '../../args/options.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { jsonText } from '../../text/escape.ts';
import { showHotStatus } from './status.ts';
import { writeUntilSignal } from './write-until-signal.ts';

export interface HotArguments extends StoreArguments {
  name: string;
  load?: number | undefined;
  take?: number | undefined;
  id?: string | undefined;
  flush: boolean;
  writeBack: boolean;
  status: boolean;
  rebuild: boolean;
  hot?: string | undefined;
  back?: string | undefined;
  floor: number;
  every: string;
  json: boolean;
}

const ACTIONS = ['load', 'take', 'flush', 'write-back', 'status', 'rebuild'] as const;
type Action = (typeof ACTIONS)[number];

export async function sellHot(args: HotArguments): Promise<void> {
  const action = actionOf(args);
  const counter = counterOf(args, action);
  try {
    await DO[action](counter, args);
  } finally {
    await counter.close();
  }
}

const DO: Record<Action, (counter: HotCounter, args: HotArguments) => Promise<void>> = {
  async load(counter, { load = 0, id, json }) {
    const left = await counter.load(load, { id: id ?? crypto.randomUUID() });
    print(json, { left }, left);
  },
  async take(counter, { take = 0, id = '', json }) {
    const sale = await counter.take(take, { id });
    if (json) print(json, sale, '');
    else if (sale) print(json, sale, sale.left);
    if (sale) return;
    say(`${counter.name}: sold out: ${take} would take it below ${counter.floor}`);
    throw new Exit(EXIT.failed);
  },
  async flush(counter, { json }) {
    const written = await noticed(counter, counter.flush());
    print(json, written, written.count);
  },
  async 'write-back'(counter, { every, json }) {
    await writeUntilSignal(counter, parseDuration(every, '--every'), json);
  },
  status: (counter, { json }) => showHotStatus(counter, json),
  async rebuild(counter, { json }) {
    const written = await noticed(counter, counter.rebuild());
    print(json, written, written.count);
  },
};

/** Shows how the wait for another writer goes on. */
function noticed(counter: HotCounter, writing: Promise<BackState>): Promise<BackState> {
  const notice = WaitNotice.begin(() => counter.writers);
  return writing.finally(() => notice.end());
}

function print(json: boolean, value: unknown, text: string | number): void {
  process.stdout.write(`${json ? jsonText(value) : text}\n`);
}

/** @throws {UsageError} unless exactly one is asked for */
function actionOf(args: HotArguments): Action {
  const asked = ACTIONS.filter((action) => {
    const value = args[action === 'write-back' ? 'writeBack' : action];
    return value !== undefined && value !== false;
  });
  const [action, other] = asked;
  if (action === undefined) throw new UsageError(`missing one of ${ACTIONS.map((name) => `--${name}`).join(', ')}`);
  if (other !== undefined) throw new UsageError(`--${action} and --${other} exclude each other`);
  if (action === 'take' && args.id === undefined)
    throw new UsageError('missing --id: the order’s own number, so that it is sold once, however often you ask');
  return action;
}

function counterOf({ name, hot, back, floor, dir }: HotArguments, action: Action): HotCounter {
  for (const [option, place] of Object.entries({ hot, back }))
    if (place !== undefined && hasPassword(place))
      throw new UsageError(
        `--${option} has a password in it, which everybody can read in the list of processes. Put it into the environment instead: see the help`,
      );
  const needsBack = action === 'flush' || action === 'write-back' || action === 'rebuild';
  if (needsBack && back === undefined)
    throw new UsageError(`missing --back: the database, as in --${action} --back shop.sqlite`);
  const places = { ...(hot === undefined ? {} : { hot }), ...(back === undefined ? {} : { back }) };
  return new HotCounter(name, { ...places, floor, store: openStore(dir) });
}
