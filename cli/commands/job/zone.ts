import { localZone, zoneIn, zoneInTz } from '../../../lib/internal.ts';
import { UsageError } from '../../output/exit.ts';

/** The sources of a job's zone: `--tz`, else the environment. */
export interface ZoneSources {
  tz: string | undefined;
  env: NodeJS.ProcessEnv;
}

/**
 * The zone in which a job's crontab line is read: that of `--tz`; or of `CRON_TZ`, which cron hands on to the job; or the job's own,
 * by `TZ` or the system. Null: the system's zone has no name.
 *
 * @throws {UsageError} for a zone that is not known here: after a guess, the job would be reported as late some hours too early,
 *   or too late
 */
export function crontabZone({ tz, env }: ZoneSources): string | null {
  if (tz !== undefined) return optionZone(tz);
  const { CRON_TZ, TZ } = env;
  if (CRON_TZ) return variableZone({ CRON_TZ });
  return TZ === undefined ? localZone() : variableZone({ TZ });
}

/** The same for an interval, which needs it only on the days of 23 and 25 hours: a variable that names no known zone is ignored. */
export function intervalZone({ tz, env }: ZoneSources): string | null {
  if (tz !== undefined) return optionZone(tz);
  return (env.CRON_TZ ? zoneInTz(env.CRON_TZ) : null) ?? localZone();
}

function optionZone(tz: string): string {
  const zone = zoneIn(tz);
  if (zone !== null) return zone;
  throw new UsageError(`--tz takes the name of a time zone, such as Europe/Berlin or UTC, not '${tz}'`);
}

function variableZone(named: Record<string, string>): string {
  const [[variable, value] = ['', '']] = Object.entries(named);
  const zone = zoneInTz(value);
  if (zone !== null) return zone;
  throw new UsageError(
    `--expect is read in the time zone of the job, and ${variable} is '${value}', which is none that is known here: name the zone with --tz, such as --tz Europe/Berlin`,
  );
}
