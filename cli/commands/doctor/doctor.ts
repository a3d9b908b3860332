import { nodeHost } from '../../../lib/internal.ts';
import type { StoreArguments } from '../../args/options.ts';
import type { ProgramArguments } from '../../args/program.ts';
import { EXIT, Exit, UsageError } from '../../output/exit.ts';
import { jsonText, shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { examined } from './examination.ts';
import type { Finding, Level } from './finding.ts';
import { patientOf } from './patient.ts';
import { realSystem } from './system.ts';

export interface DoctorArguments extends StoreArguments, ProgramArguments {
  json: boolean;
  fix: boolean;
}

/** The worst come last, nearest to the prompt. */
const ORDER: Level[] = ['ok', 'note', 'warning', 'problem'];
/** At most this many places of a finding are shown. */
const MAX_PLACES = 5;

export async function examine({ dir, json, fix, program }: DoctorArguments): Promise<void> {
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
  const isWell = findings.every(({ level }) => level !== 'problem');
  const { place: store, chosenBy } = patient;
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
