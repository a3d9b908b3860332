import path from 'node:path';
import {
  defaultStorePath,
  type FileFacts,
  type Host,
  isForeignTo,
  pinnedHost,
  type ResourceReading,
  readOnlyHost,
  type StoreDirectory,
  StoreScan,
  storeErrorOf,
  storePath,
} from '../../../lib/internal.ts';
import type { System } from './system.ts';

/** The subject of the checks. */
export interface Patient {
  host: Host;
  system: System;
  env: NodeJS.ProcessEnv;
  /** The oldest supported Node. */
  oldestNode: string;
  /** Where the store is, or will be. */
  place: string;
  /** The option, variable or default that chose the place. */
  chosenBy: '--dir' | 'LOCKSTEP_STORE' | 'LOCKSTEP_DIR' | 'default';
  /** The place that is used without `--dir` and a variable. */
  defaultPlace: string;
  /** The store's own directory, or the nearest existing one above it. */
  nearest: string;
  isThere: boolean;
  /** The store's owner, if that is another user, and this is root: then the store is only looked at. Else null. */
  foreignOwner: number | null;
}

/** A store that could be opened, and its contents. */
export interface Opened extends Patient {
  directory: StoreDirectory;
  scan: StoreScan;
  resources: ResourceReading[];
  /** Whether to remove leftovers. */
  fix: boolean;
}

export interface PatientOptions {
  host: Host;
  system: System;
  env: NodeJS.ProcessEnv;
  dir: string | undefined;
  /** From package.json: `>=20.19`. */
  engine: string;
}

/** @throws {StoreError} if the place may not be looked at */
export function patientOf({ host, system, env, dir, engine }: PatientOptions): Patient {
  const place = storePath(host, dir, env);
  const facts = lookAt(host, place);
  const isThere = facts !== null;
  const isForeign = isThere && isForeignTo(host, facts) && !isForGroup(facts, env);
  return {
    host: isForeign ? { ...host, files: readOnlyHost.files } : host,
    system,
    env,
    oldestNode: engine.replace('>=', ''),
    place,
    chosenBy: chooserOf(dir, env),
    defaultPlace: defaultStorePath(host),
    nearest: isThere ? place : nearestOf(host, path.dirname(place)),
    isThere,
    foreignOwner: isForeign ? facts.uid : null,
  };
}

function chooserOf(dir: string | undefined, env: NodeJS.ProcessEnv): Patient['chosenBy'] {
  if (dir !== undefined) return '--dir';
  return (['LOCKSTEP_STORE', 'LOCKSTEP_DIR'] as const).find((variable) => env[variable]) ?? 'default';
}

function lookAt(host: Host, path: string): FileFacts | null {
  try {
    return host.files.look(path);
  } catch (error) {
    throw storeErrorOf(error, { operation: 'open the store', path });
  }
}

/** Whether the store is its group's, and root uses it as a member would. */
function isForGroup({ mode }: FileFacts, { LOCKSTEP_SHARED }: NodeJS.ProcessEnv): boolean {
  return LOCKSTEP_SHARED === '1' && (mode & 0o020) !== 0;
}

export function opened(patient: Patient, directory: StoreDirectory, fix: boolean): Opened {
  const scan = new StoreScan(patient.host, directory);
  const host = pinnedHost(patient.host, directory);
  return { ...patient, host, directory, scan, resources: scan.resources().resources, fix };
}

function nearestOf(host: Host, directory: string): string {
  const parent = path.dirname(directory);
  if (parent === directory || host.files.look(directory)?.kind === 'directory') return directory;
  return nearestOf(host, parent);
}
