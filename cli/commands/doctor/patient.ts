import path from 'node:path';
import { defaultStorePath, storePath } from '../../../lib/disk/store-directory.ts';
import type { Host } from '../../../lib/host/host.ts';
import type { StoreDirectory } from '../../../lib/host/own-directory.ts';
import { pinnedHost } from '../../../lib/host/pinned-files.ts';
import { type ResourceReading, StoreScan } from '../../../lib/observe/store-scan.ts';
import type { System } from './system.ts';

/** What the checks look at. */
export interface Patient {
  host: Host;
  system: System;
  env: NodeJS.ProcessEnv;
  /** The oldest Node that will do. */
  oldestNode: string;
  /** Where the store is, or will be. */
  place: string;
  /** Who said so. */
  chosenBy: '--dir' | 'LOCKSTEP_DIR' | 'default';
  /** The place that is used where nobody says anything. */
  defaultPlace: string;
  /** The store's own directory, or the nearest one above it that is there. */
  nearest: string;
  isThere: boolean;
}

/** A store that could be opened, and what is in it. */
export interface Opened extends Patient {
  directory: StoreDirectory;
  scan: StoreScan;
  resources: ResourceReading[];
  /** Whether to remove what can be removed. */
  fix: boolean;
}

export interface PatientOptions {
  host: Host;
  system: System;
  env: NodeJS.ProcessEnv;
  dir: string | undefined;
  /** As package.json says it: `>=20.19`. */
  engine: string;
}

export function patientOf({ host, system, env, dir, engine }: PatientOptions): Patient {
  const place = storePath(host, dir ?? (env.LOCKSTEP_DIR || undefined));
  const isThere = host.files.look(place) !== null;
  return {
    host,
    system,
    env,
    oldestNode: engine.replace('>=', ''),
    place,
    chosenBy: dir !== undefined ? '--dir' : env.LOCKSTEP_DIR ? 'LOCKSTEP_DIR' : 'default',
    defaultPlace: defaultStorePath(host),
    nearest: isThere ? place : nearestOf(host, path.dirname(place)),
    isThere,
  };
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
