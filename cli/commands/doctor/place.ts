import path from 'node:path';
import { type FileFacts, type Host, openStoreDirectory, type StoreDirectory } from '../../../lib/internal.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { inShell } from '../../text/shell-word.ts';
import { Findings } from './finding.ts';
import type { Patient } from './patient.ts';

/** Checks which directory it is, and whether other processes would choose the same. */
export function checkPlace({ place, chosenBy, defaultPlace, isThere, env, host }: Patient): Findings {
  const found = new Findings('place');
  const because = chosenBy === 'default' ? 'the default' : `chosen by ${chosenBy}`;
  found.ok(`the store is ${place}, ${because}${isThere ? '' : '; it is created when it is first used'}`, place);
  if (chosenBy !== 'default' && place !== defaultPlace) {
    const words = {
      what: `processes without ${chosenBy} use another store: ${defaultPlace}`,
      where: place,
      why: 'Locks in two stores do not exclude each other. A cron job, a service or another user’s shell does not have your environment.',
      remedy:
        chosenBy === '--dir'
          ? 'Give the same --dir everywhere.'
          : `Set ${chosenBy} for all of them (in the crontab, in the unit), or for none.`,
    };
    const isUsed = (host.files.list(`${defaultPlace}/resources`) ?? []).length > 0;
    if (isUsed && chosenBy !== '--dir') found.warning({ ...words, what: `${words.what}, and that store was used` });
    else found.note(words);
  }
  if (chosenBy === 'default' && place.startsWith('/var/tmp/')) {
    found.note({
      what: 'the user database names no home directory that is yours, so the store is in /var/tmp',
      where: place,
      why: 'Some systems delete old files in /var/tmp.',
      remedy: 'Choose a permanent directory with LOCKSTEP_DIR, for all processes that use the store.',
    });
  }
  if (env.SUDO_USER && host.processes.uid() === 0 && chosenBy === 'default') {
    found.note({
      what: `this is root’s store, not that of ${env.SUDO_USER}`,
      where: place,
      why: 'Under sudo the locks are root’s, and exclude no other user’s.',
      remedy: 'Run it without sudo, or give both the same store.',
    });
  }
  return found;
}

/** Checks whether the library accepts the store. Changes nothing, even before the store's first use. */
export function checkFitness({ host, place, isThere, foreignOwner, env }: Patient): {
  found: Findings;
  directory: StoreDirectory | null;
} {
  const found = new Findings('fitness');
  if (!isThere) return { found, directory: null };
  const isGuardWanted = env.LOCKSTEP_GUARDED === '1';
  const isGuarded = isThereIn(host, `${place}/guarded`);
  const isUsed = isThereIn(host, `${place}/resources`);
  try {
    const directory = openStoreDirectory(host, place, { guarded: false, looks: foreignOwner !== null });
    if (foreignOwner !== null) addForeign(found, place, foreignOwner);
    else if (isGuardWanted && isUsed && !isGuarded) {
      found.problem({
        what: 'LOCKSTEP_GUARDED asks for guarded appends, and this store was used without them',
        where: place,
        why: 'Processes with and without guarded appends would not exclude each other, so it is refused.',
        remedy: 'Unset LOCKSTEP_GUARDED, or choose a new directory.',
      });
    } else found.ok(`you can use it: ${nature(directory, host.files.look(place))}`, place);
    return { found, directory };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'STORE_NETWORK' && isGuardWanted && !isUsed) {
      found.note({
        what: 'it is on a network file system, and becomes a guarded store at its first use',
        where: place,
      });
    } else
      found.problem({
        what: messageWithRemedy(error),
        where: place,
        why: 'Every use of this store is refused.',
        remedy: 'Follow the message.',
      });
    return { found, directory: null };
  }
}

/** False too if it may not be looked at: then the store cannot be opened, which says why. */
function isThereIn(host: Host, path: string): boolean {
  try {
    return host.files.look(path) !== null;
  } catch {
    return false;
  }
}

function addForeign(found: Findings, where: string, owner: number): void {
  found.note({
    what: `it belongs to another user (uid ${owner}), so it is only looked at: nothing is tested in it`,
    where,
    why: 'Root may see every store, but use none of another user.',
    remedy: 'For the tests, and for --fix, run lockstep doctor as that user.',
  });
}

function nature({ guarded, fileMode }: StoreDirectory, facts: FileFacts | null): string {
  const mode = `mode 0${(facts?.mode ?? 0).toString(8)}`;
  const isShared = (fileMode & 0o020) !== 0;
  return [mode, isShared ? 'shared with its group' : '', guarded ? 'guarded' : ''].filter(Boolean).join(', ');
}

/** Checks the directories above: a user that can rename one of them can replace the store. */
export function checkParents({ host, place, foreignOwner }: Patient): Findings {
  const found = new Findings('parents');
  const trusted = [foreignOwner ?? host.processes.uid(), 0];
  if (host.processes.uid() === -1) return found;
  for (let at = path.dirname(place); ; at = path.dirname(at)) {
    const facts = host.files.look(at);
    if (facts?.kind === 'directory') look(found, at, facts, trusted);
    if (at === path.dirname(at)) break;
  }
  if (found.isCalm) found.ok('no other user can replace a directory above it');
  return found;
}

const WHY = 'They can move the store away, and put another one in its place.';

function look(found: Findings, at: string, { mode, uid }: FileFacts, trusted: readonly number[]): void {
  const isSticky = (mode & 0o1000) !== 0;
  const text = `0${mode.toString(8)}`;
  if ((mode & 0o002) !== 0 && !isSticky)
    found.problem({
      what: `all users may write in ${at} (mode ${text})`,
      where: at,
      why: WHY,
      remedy: `chmod o-w ${inShell(at)}`,
    });
  else if ((mode & 0o020) !== 0 && !isSticky)
    found.note({
      what: `its group may write in ${at} (mode ${text})`,
      where: at,
      why: WHY,
      remedy: `If that is not intended: chmod g-w ${inShell(at)}`,
    });
  if (!trusted.includes(uid))
    found.warning({
      what: `${at} belongs to another user (uid ${uid})`,
      where: at,
      why: WHY,
      remedy: 'If you do not trust that user, choose another store.',
    });
}
