import path from 'node:path';
import { openStoreDirectory } from '../../../lib/disk/store-directory.ts';
import type { FileFacts } from '../../../lib/host/host.ts';
import type { StoreDirectory } from '../../../lib/host/own-directory.ts';
import { inShell } from '../../text/shell-word.ts';
import { Findings } from './finding.ts';
import type { Patient } from './patient.ts';

/** Which directory it is, and whether others would choose the same. */
export function checkPlace({ place, chosenBy, defaultPlace, isThere, env, host }: Patient): Findings {
  const found = new Findings('place');
  const because = {
    '--dir': 'because --dir says so',
    LOCKSTEP_DIR: 'because LOCKSTEP_DIR says so',
    default: 'by default',
  };
  found.ok(`the store is ${place}, ${because[chosenBy]}${isThere ? '' : '; it is made when it is first used'}`, place);
  if (chosenBy !== 'default' && place !== defaultPlace) {
    const words = {
      what: `who does not say ${chosenBy} uses another store: ${defaultPlace}`,
      where: place,
      why: 'Locks in two stores do not exclude each other. A cron job, a service or another user’s shell does not have your environment.',
      remedy:
        chosenBy === '--dir'
          ? 'Say the same --dir everywhere.'
          : 'Set LOCKSTEP_DIR for all of them too (in the crontab, in the unit), or for none.',
    };
    const isUsed = (host.files.list(`${defaultPlace}/resources`) ?? []).length > 0;
    if (isUsed && chosenBy === 'LOCKSTEP_DIR')
      found.warning({ ...words, what: `${words.what}, and that one was used` });
    else found.note(words);
  }
  if (chosenBy === 'default' && place.startsWith('/var/tmp/')) {
    found.note({
      what: 'you have no home of your own in the user database, so the store is in /var/tmp',
      where: place,
      why: 'Some systems empty /var/tmp from time to time.',
      remedy: 'Choose a directory that stays, with LOCKSTEP_DIR, for all who use it.',
    });
  }
  if (env.SUDO_USER && host.processes.uid() === 0 && chosenBy === 'default') {
    found.note({
      what: `this is root’s store, not that of ${env.SUDO_USER}`,
      where: place,
      why: 'Under sudo the locks are root’s, and exclude nobody else’s.',
      remedy: 'Without sudo, or with a store that both are given.',
    });
  }
  return found;
}

/** Whether the library takes it. Changes nothing, also where it would be used for the first time. */
export function checkFitness({ host, place, isThere, env }: Patient): {
  found: Findings;
  directory: StoreDirectory | null;
} {
  const found = new Findings('fitness');
  if (!isThere) return { found, directory: null };
  const isGuardWanted = env.LOCKSTEP_GUARDED === '1';
  const isGuarded = host.files.look(`${place}/guarded`) !== null;
  const isUsed = host.files.look(`${place}/resources`) !== null;
  try {
    const directory = openStoreDirectory(host, place, { guarded: false });
    if (isGuardWanted && isUsed && !isGuarded) {
      found.problem({
        what: 'LOCKSTEP_GUARDED asks for guarded appends, and this store was used without them',
        where: place,
        why: 'Some who guard their appends and some who do not would not exclude each other, so it is refused.',
        remedy: 'Unset LOCKSTEP_GUARDED, or choose a new directory.',
      });
    } else found.ok(`it is yours to use: ${nature(directory, host.files.look(place))}`, place);
    return { found, directory };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'STORE_NETWORK' && isGuardWanted && !isUsed) {
      found.note({
        what: 'it is on a network file system, and will be a guarded store from its first use on',
        where: place,
      });
    } else
      found.problem({ what: message, where: place, why: 'Every use of this store is refused.', remedy: 'See there.' });
    return { found, directory: null };
  }
}

function nature({ guarded, fileMode }: StoreDirectory, facts: FileFacts | null): string {
  const mode = `mode 0${(facts?.mode ?? 0).toString(8)}`;
  const isShared = (fileMode & 0o020) !== 0;
  return [mode, isShared ? 'shared with its group' : '', guarded ? 'guarded' : ''].filter(Boolean).join(', ');
}

/** Whoever may rename a directory above the store can put another store in its place. */
export function checkParents({ host, place }: Patient): Findings {
  const found = new Findings('parents');
  const trusted = [host.processes.uid(), 0];
  if (host.processes.uid() === -1) return found;
  for (let at = path.dirname(place); ; at = path.dirname(at)) {
    const facts = host.files.look(at);
    if (facts?.kind === 'directory') look(found, at, facts, trusted);
    if (at === path.dirname(at)) break;
  }
  if (found.isCalm) found.ok('nobody else can replace a directory above it');
  return found;
}

const WHY = 'They can move the store away, and put one of their own in its place.';

function look(found: Findings, at: string, { mode, uid }: FileFacts, trusted: readonly number[]): void {
  const isSticky = (mode & 0o1000) !== 0;
  const text = `0${mode.toString(8)}`;
  if ((mode & 0o002) !== 0 && !isSticky)
    found.problem({
      what: `everybody may write in ${at} (mode ${text})`,
      where: at,
      why: WHY,
      remedy: `chmod o-w ${inShell(at)}`,
    });
  else if ((mode & 0o020) !== 0 && !isSticky)
    found.note({
      what: `its group may write in ${at} (mode ${text})`,
      where: at,
      why: WHY,
      remedy: `If it is not to: chmod g-w ${inShell(at)}`,
    });
  if (!trusted.includes(uid))
    found.warning({
      what: `${at} belongs to another user (uid ${uid})`,
      where: at,
      why: WHY,
      remedy: 'Choose a store of your own, if you do not trust that one.',
    });
}
