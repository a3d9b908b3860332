import { DiskResource } from '../../lib/disk/disk-resource.ts';
import type { Files, Host } from '../../lib/host/host.ts';
import { Judge } from '../../lib/session/liveness.ts';
import { Session } from '../../lib/session/session.ts';
import { Presence } from '../../lib/session/session-file.ts';
import type { Dispatch } from './sim-call.ts';
import type { Program, Witness } from './sim-process.ts';

export const DIRECTORY = '/r';
/** Every record ends its epoch, or every second one: an `enter` has about 51 bytes, a `leave` 22. */
export const EVERY_RECORD = 0;
export const EVERY_SECOND_RECORD = 60;
const CONFIG = { kind: 'lock', permits: 1 };

type DiskEntry = ReturnType<DiskResource['join']>;

/** Breaks a rule of the protocol, between the library and its host. */
export type Mutation = (files: Files, dispatch: Dispatch) => Files;

export interface ContenderOptions {
  rounds: number;
  /** Past how many bytes to rotate; 0 rotates after every record. */
  rotateBytes: number;
  /** Ask for the lock only if that means holding at once. */
  tries?: boolean;
  /** Take the lock from whoever has it. */
  steals?: boolean;
  mutation?: Mutation;
}

/** The real library, as far as the disk: the resource, who is alive, the session. */
export function openResource(
  host: Host,
  rotateBytes: number,
  config = CONFIG,
): { resource: DiskResource; session: Session } {
  const session = new Session(host);
  const presence = new Presence({
    host,
    session,
    directory: '/sessions',
    lifelines: null,
    store: { path: '', fileMode: 0o600 },
    keepaliveMs: 0,
  });
  const judge = new Judge({ host, directory: '/sessions', local: true, patienceMs: 30_000, seenMode: null });
  const options = {
    host,
    presence,
    judge,
    directory: DIRECTORY,
    name: 'x',
    fileMode: 0o600,
    directoryMode: 0o700,
    rotateBytes,
  };
  const resource = DiskResource.open(options, config);
  if (!resource) throw new Error('no resource');
  return { resource, session };
}

/** Takes the lock and gives it back, some rounds long; then sweeps up behind the dead. */
export function contender({ rounds, rotateBytes, tries = false, steals = false, mutation }: ContenderOptions): Program {
  return (witness) => {
    const { dispatch } = witness;
    const host = mutation ? { ...witness.host, files: mutation(witness.host.files, dispatch) } : witness.host;
    let own: DiskEntry | null = null;
    let place = 'opening';
    let records = 0;
    witness.summary = () => JSON.stringify([place, own?.ticket, own?.token, own?.state, records]);
    const { resource, session } = openResource(host, rotateBytes);
    const nextId = session.nextId.bind(session);
    session.nextId = () => {
      records += 1;
      return nextId();
    };
    place = 'open';
    for (let round = 1; round <= rounds; round++) {
      place = `round ${round}`;
      own = enter(witness, resource, { onlyIfGranted: tries, steal: steals });
      if (own) leave(witness, resource, own);
      own = null;
      place = `after round ${round}`;
    }
    place = 'sweeping';
    witness.gather(1);
    resource.refresh();
    resource.expelDead(null);
    place = 'looking back';
    witness.gather(2);
    resource.refresh();
    place = 'finished';
    const left = resource.view().entries.length;
    if (left > 0) throw new Error(`${left} entries are left in the line that it sees`);
  };
}

function enter(
  witness: Witness,
  resource: DiskResource,
  how: { onlyIfGranted: boolean; steal: boolean },
): DiskEntry | null {
  const own = resource.join(CONFIG, { ask: 1, label: '', ...how });
  if (own.state === 'refused') return null;
  witness.tell(`joined ${own.ticket}`);
  while (own.state === 'waiting') {
    // As a waiter's poll does: `join` itself judges nobody if it did so just now.
    resource.expelDead(own);
    if (own.state !== 'waiting') break;
    witness.pause();
    resource.refresh();
  }
  if (endedByThief(witness, own)) return null;
  if ((own.state as string) !== 'holding') throw new Error(`its entry was ${own.state} instead of granted`);
  return own;
}

/** Somebody stole the lock: that record counts for others too. */
function endedByThief(witness: Witness, own: DiskEntry): boolean {
  const stolen = own.state === 'lost' && /^(stolen|it is no longer in the line)$/.test(own.eviction?.reason ?? '');
  // Who was let in and robbed between two looks never knew its token.
  if (stolen && own.token > 0) witness.tell(`evicted ${own.token}`);
  return stolen;
}

function leave(witness: Witness, resource: DiskResource, own: DiskEntry): void {
  witness.hold(own.token);
  resource.leave(own);
  if (endedByThief(witness, own)) return;
  if (own.state !== 'left') throw new Error(`its entry was ${own.state} instead of left`);
  witness.tell(`left ${own.ticket}`);
}
