/** Where the zones' own files are: a TZ may name one by its path. */
const FILES = '/usr/share/zoneinfo/';
const MINUTE_MS = 60_000;

/** Returns the name of a time zone of the IANA database, as that spells it; null if this Node knows none of that name. */
export function zoneIn(given: string): string | null {
  try {
    return zoneOf(new Intl.DateTimeFormat('en-US', { timeZone: given }));
  } catch {
    return null;
  }
}

/** The zone that a `TZ` in the environment names, as `zoneIn`. An empty one is UTC; a colon, or the path of a zone's file, may stand in front. */
export function zoneInTz(tz: string): string | null {
  const name = tz.replace(/^:/, '');
  if (name === '') return 'UTC';
  return zoneIn(name.startsWith(FILES) ? name.slice(FILES.length) : name);
}

/** The zone that this process's local times are in; null if it has no name. */
export function localZone(): string | null {
  const zone = zoneOf(new Intl.DateTimeFormat('en-US'));
  return zone === null ? null : zoneIn(zone);
}

/** How far a zone's clocks are ahead of UTC at a moment (ms since 1970), in ms. `zone`: a name from `zoneIn`; null: this process's local time. */
export function offsetIn(zone: string | null, at: number): number {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return 0;
  if (zone === null) return 0 - date.getTimezoneOffset() * MINUTE_MS;
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(date);
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  // `GMT`, `GMT+02:00`; in the nineteenth century also seconds.
  const [, sign, hours, minutes] = /^GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  const ms = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * MINUTE_MS;
  return sign === '-' ? -ms : ms;
}

/** Node's types promise a zone, but there is none where TZ names none. */
function zoneOf(format: Intl.DateTimeFormat): string | null {
  return (format.resolvedOptions().timeZone as string | undefined) ?? null;
}
