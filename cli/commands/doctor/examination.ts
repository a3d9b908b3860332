import { pinnedHost, storeErrorOf } from '../../../lib/internal.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { checkEntries, checkTickets } from './entries.ts';
import { checkFileSystem, checkSpace } from './file-system.ts';
import { Findings } from './finding.ts';
import { checkJournals, checkLeftovers } from './leftovers.ts';
import { checkProcesses, checkSystem, checkWatches } from './machine.ts';
import { type Opened, opened, type Patient } from './patient.ts';
import { checkFitness, checkParents, checkPlace } from './place.ts';
import { checkFiles } from './probe.ts';
import { checkReports, checkRuns } from './reports.ts';

/** Runs all checks, in the order of the report. */
export async function examined(patient: Patient, fix: boolean): Promise<Findings[]> {
  const { found: fitness, directory } = checkFitness(patient);
  const around: Array<[string, () => Findings | Promise<Findings>]> = [
    ['place', () => checkPlace(patient)],
    ['fitness', () => fitness],
    ['parents', () => checkParents(patient)],
    ['file system', () => checkFileSystem(patient, directory)],
    ['space', () => checkSpace(patient)],
  ];
  // A directory that is not fit may be another user's: nothing is written into it. Nor by root into one that it only looks at.
  if ((directory || !patient.isThere) && patient.foreignOwner === null)
    around.push([
      'files',
      () => checkFiles(directory ? { ...patient, host: pinnedHost(patient.host, directory) } : patient, directory),
    ]);
  const machine: typeof around = [
    ['system', () => checkSystem(patient)],
    ['processes', () => checkProcesses(patient)],
    ['watches', () => checkWatches(patient)],
  ];
  const found: Findings[] = [];
  for (const [name, check] of [...around, ...machine]) found.push(await guarded(name, patient.place, check));
  if (!directory) return found;
  let store: Opened;
  try {
    store = opened(patient, directory, fix);
  } catch (error) {
    return [...found, unreadable('store', patient.place, error)];
  }
  for (const [name, check] of INSIDE) found.push(await guarded(name, patient.place, () => check(store)));
  return found;
}

const INSIDE: Array<[string, (opened: Opened) => Findings]> = [
  ['journals', checkJournals],
  ['entries', checkEntries],
  ['tickets', checkTickets],
  ['reports', checkReports],
  ['runs', checkRuns],
  ['leftovers', checkLeftovers],
];

/** Turns an error of a check into a finding, so that the other checks continue. */
async function guarded(name: string, place: string, check: () => Findings | Promise<Findings>): Promise<Findings> {
  try {
    return await check();
  } catch (error) {
    return unreadable(name, place, error);
  }
}

function unreadable(name: string, where: string, error: unknown): Findings {
  const found = new Findings(name);
  found.problem({
    what: `it could not be checked: ${messageWithRemedy(storeErrorOf(error, { operation: 'read', path: where }))}`,
    where,
    why: 'A store that cannot be read cannot be used.',
    remedy: 'Check owners and modes in the store.',
  });
  return found;
}
