import type { Host } from '../host/host.ts';
import type { Line } from '../line/line.ts';
import type { Lifelines } from '../session/lifeline.ts';
import { sessionFile } from '../session/session.ts';

/** With fewer dead sessions than this a sweep is not worth its reads. */
const LEAST_DEAD = 8;
/** How many sessions are looked at to learn whether there may be that many. */
const SAMPLE = 16;
/** A sweep reads every line: it must find one dead session for so many of them. */
const LINES_PER_DEAD = 16;
/** `<pid>-<key>.life` is a session's lifeline, `.command` that of a command. */
const LIFELINE = /^(\d+-.+)\.(?:life|command)$/;
const SEEN = /^(\d+-.+)\.seen$/;
/** A name that a file has only while it is made. */
const PRIVATE = /^\.(?:line|seen)\./;
/** After this long it was left behind, whatever the clocks. */
const STRAY_MS = 24 * 3_600_000;

export interface SweepOptions {
  host: Host;
  /** Where the session files are. */
  directory: string;
  lifelines: Lifelines;
  /** Whether only this kernel can have the store mounted. */
  local: boolean;
  countLines: () => number;
  lines: () => Iterable<Line>;
}

/**
 * Removes the files of sessions that were killed and have no entry in any line. Those of a session that has one stay:
 * they are the proof of its death for the waiters behind the entry.
 *
 * A session that begins does this for those before it. Best effort: the next one removes the files that it cannot remove now.
 */
export function sweepSessions(options: SweepOptions): void {
  try {
    const all = options.host.files.list(options.directory) ?? [];
    removeStrays(options, all);
    if (!options.local) return;
    const names = all.filter((name) => LIFELINE.test(name));
    if (sampleOf(names).filter((name) => isFree(options, name)).length < LEAST_DEAD) return;
    const dead = names.filter((name) => isFree(options, name));
    if (dead.length * LINES_PER_DEAD < options.countLines()) return;
    const needed = ownersIn(options.lines());
    for (const name of dead) if (!needed.has(stemOf(name))) removeFiles(options, name);
  } catch {
    // The store cannot be read just now.
  }
}

/** Removes unfinished files of killed processes, and sightings of keepalives whose sessions have ended. */
function removeStrays({ host: { files, clock }, directory }: SweepOptions, names: readonly string[]): void {
  const all = new Set(names);
  const latestMs = clock.wallMicros() / 1000 - STRAY_MS;
  for (const name of names) {
    const stem = SEEN.exec(name)?.[1];
    const isStray = PRIVATE.test(name)
      ? (files.look(`${directory}/${name}`)?.modifiedMs ?? latestMs) < latestMs
      : stem !== undefined && !all.has(stem) && !all.has(`${stem}.lock`);
    if (isStray) files.remove(`${directory}/${name}`);
  }
}

/** Some of them at random, so that many living sessions do not hide the dead for ever. */
function sampleOf(names: readonly string[]): string[] {
  const start = Math.floor(Math.random() * names.length);
  return [...names.slice(start), ...names.slice(0, start)].slice(0, SAMPLE);
}

function isFree({ lifelines }: SweepOptions, name: string): boolean {
  return lifelines.grip(name) === 'free';
}

function ownersIn(lines: Iterable<Line>): Set<string> {
  const owners = new Set<string>();
  for (const line of lines) {
    for (let entry = line.first; entry; entry = entry.next) {
      for (const owner of entry.owners) owners.add(sessionFile(owner));
    }
  }
  return owners;
}

function removeFiles({ host: { files }, directory, lifelines }: SweepOptions, name: string): void {
  const stem = stemOf(name);
  files.remove(`${directory}/${stem}`);
  files.remove(`${directory}/${stem}.seen`);
  files.removeDirectory(`${directory}/${stem}.lock`);
  // Last: a sweep that is killed here leaves what the next one finds.
  lifelines.remove(name);
}

function stemOf(name: string): string {
  return LIFELINE.exec(name)?.[1] ?? name;
}
