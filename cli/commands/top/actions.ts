import { userInfo } from 'node:os';
import { openStore, type Store } from '../../../lib/index.ts';
import { messageOf } from '../../../lib/internal.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { tokenOf } from '../../report/line-words.ts';
import { shown } from '../../text/escape.ts';
import type { Chosen } from './frame.ts';

/** An action of the keys of `top` on an entry: take the resource away from it, or end its process. */
export type TopDeed = 'break' | 'end';

/** Acts on entries. A store on disk is opened when that is needed first: `top` itself writes nothing. */
export class TopActions {
  readonly #place: string | undefined;
  #store: Store | null = null;

  /** @param place the value of `--dir` */
  constructor(place: string | undefined) {
    this.#place = place;
  }

  /** Names the object of a deed: `deploy, token 7 of pid 42 on web1 (./deploy.sh)`. The command is last, as it may be long. */
  describe(deed: TopDeed, { name, entry }: Chosen): string {
    const owner = deed === 'end' ? ownerToEnd(entry) : entry.owners.at(-1);
    const who = `pid ${owner?.pid ?? '?'} on ${owner?.host ?? '?'}`;
    const command = entry.label === '' ? '' : ` (${entry.label})`;
    const holds = entry.state === 'holding' ? 'holds' : 'waits for';
    const what = deed === 'end' ? `${who}, which ${holds} ${name}` : `${name}, token ${tokenOf(entry)} of ${who}`;
    return shown(`${what}${command}`);
  }

  /** Resolves to what was done, or why not, in words. Never rejects. */
  async act(deed: TopDeed, chosen: Chosen): Promise<string> {
    try {
      return shown(deed === 'break' ? await this.#break(chosen) : await this.#end(chosen));
    } catch (error) {
      return shown(`not done: ${messageWithRemedy(error)}`);
    }
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }

  async #break({ name, entry }: Chosen): Promise<string> {
    const by = `pid ${process.pid} of ${userName()}`;
    const isDone = await this.#opened().evict(name, entry.ticket, { reason: 'broken by force', by });
    return isDone ? `${name}: evicted token ${tokenOf(entry)}` : `${name}: it was gone already`;
  }

  /** The entry is read again: its process may have ended meanwhile, and another one have its pid. */
  async #end({ name, entry }: Chosen): Promise<string> {
    const line = await this.#opened().snapshot(name);
    const owner = ownerToEnd(line?.entries.find(({ ticket }) => ticket === entry.ticket));
    if (!owner) return `${name}: it was gone already`;
    if (owner.place !== 'here') return `its process is not in this system, but on ${owner.host}: end it there`;
    if (owner.gone !== null) return `its process is gone already`;
    try {
      process.kill(owner.pid, 'SIGTERM');
    } catch (error) {
      return `pid ${owner.pid} cannot be ended: ${messageOf(error as Error)}`;
    }
    return `sent SIGTERM to pid ${owner.pid}`;
  }

  #opened(): Store {
    this.#store ??= openStore(this.#place);
    return this.#store;
  }
}

/** The process that joined, if it is still there: a wrapper ends the command, and all that this started. */
function ownerToEnd(entry: Chosen['entry'] | undefined): Chosen['entry']['owners'][number] | undefined {
  return entry?.owners.find(({ gone, place }) => gone === null && place === 'here') ?? entry?.owners.at(-1);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
