import { openStore, type Store } from '../../../lib/index.ts';
import { nodeHost, type Servers, storeUrl } from '../../../lib/internal.ts';
import type { StoreArguments } from '../../args/options.ts';
import type { ProgramArguments } from '../../args/program.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { jsonText, shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { examined } from './examination.ts';
import type { Finding, Level } from './finding.ts';
import { patientOf } from './patient.ts';
import { examinedServers } from './servers.ts';
import { realSystem } from './system.ts';

export interface DoctorArguments extends StoreArguments, ProgramArguments {
  json: boolean;
  fix: boolean;
  newBase: boolean;
}

/** The worst come last, nearest to the prompt. */
const ORDER: Level[] = ['ok', 'note', 'warning', 'problem'];
/** At most this many places of a finding are shown. */
const MAX_PLACES = 5;

export async function examine(args: DoctorArguments): Promise<void> {
  const { dir, json, fix, program } = args;
  const url = storeUrl(dir);
  if (url !== null) return examineServers(url, args);
  if (args.newBase)
    throw new UsageError('--new-base is for a store on servers, after its data was restored from a backup');
  const patient = patientOf({
    host: nodeHost,
    system: realSystem,
    env: process.env,
    dir,
    engine: program.pack.engines.node,
  });
  if (fix && patient.foreignOwner !== null)
    throw new UsageError(
      `--fix removes nothing from the store of another user: ${patient.place} belongs to uid ${patient.foreignOwner}. Run it as that user`,
    );
  const findings = (await examined(patient, fix)).flatMap(({ list }) => list);
  report(findings, { store: patient.place, chosenBy: patient.chosenBy, json });
}

async function examineServers(url: string, { dir, json, fix, newBase }: DoctorArguments): Promise<void> {
  const store = openStore(url);
  const servers = await store.servers?.();
  if (!servers) throw new UsageError(`${url} has no servers`);
  if (newBase) await beginAnew(store, servers);
  const findings = (await examinedServers(store, servers, fix)).flatMap(({ list }) => list);
  report(findings, { store: store.place, chosenBy: dir === undefined ? 'LOCKSTEP_STORE' : '--dir', json });
}

/** @throws {Exit} 1 while somebody is in line: those have tickets of the old base */
async function beginAnew(store: Store, servers: Servers): Promise<void> {
  const lines = await store.snapshots(await store.names());
  const used = lines.filter((line) => line !== null && line.entries.length > 0);
  if (used.length > 0) {
    say(`--new-base: ${used[0]?.name} is in use. End all programs that use the store, or: lockstep break NAME`);
    throw new Exit(EXIT.failed);
  }
  const base = await servers.renewBase();
  say(`tokens begin anew, above ${base}. Restart the programs that have used the store and still run`);
}

interface Reported {
  store: string;
  chosenBy: string;
  json: boolean;
}

/** @throws {Exit} 1 if there is a problem */
function report(findings: readonly Finding[], { store, chosenBy, json }: Reported): void {
  const isWell = findings.every(({ level }) => level !== 'problem');
  if (json) process.stdout.write(`${jsonText({ store, chosenBy, well: isWell, findings: findings.map(asJson) }, 2)}\n`);
  else process.stdout.write(reportOf(findings));
  if (!isWell) throw new Exit(EXIT.failed);
}

function reportOf(findings: readonly Finding[]): string {
  const sorted = ORDER.flatMap((level) => findings.filter((one) => one.level === level));
  return `${[...sorted.flatMap(linesOf), summaryOf(findings)].join('\n')}\n`;
}

function linesOf({ level, what, where, why, remedy }: Finding): string[] {
  const [first, ...more] = [what, ...(level === 'ok' ? [] : [...placesOf(where), why, remedy && `→ ${remedy}`])]
    .filter(Boolean)
    .map(shown);
  return [`${level.padEnd(8)} ${first}`, ...more.map((line) => `         ${line}`)];
}

function placesOf(where: string): string[] {
  const places = where.split('\n');
  const rest = places.length - MAX_PLACES;
  return [...places.slice(0, MAX_PLACES), ...(rest > 0 ? [`and ${rest} more`] : [])];
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (level: Level) => findings.filter((one) => one.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems === 0 && warnings === 0) return 'All is well.';
  return `${counted(problems, 'problem')}, ${counted(warnings, 'warning')}.`;
}

function asJson({ where, ...finding }: Finding): object {
  return { ...finding, where: where === '' ? [] : where.split('\n') };
}
