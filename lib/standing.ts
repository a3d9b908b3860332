/** One entry of a line that is in the way, as an error message shows it. */
export interface Standing {
  /** The entry's fencing token. */
  token: number;
  pid: number;
  host: string;
  /** The command line or label that the entry gave. */
  command: string;
  /** When it joined the line, in ms since 1970. */
  since: number;
}

/** `pid 42 on web1 (./deploy.sh)` */
export function describeProcess({ pid, host, command }: Standing): string {
  return `pid ${pid} on ${host}${command === '' ? '' : ` (${command})`}`;
}

/** One clause that names an entry: `pid 42 on web1 (./deploy.sh), in line since 2026-11-23T09:00:00.000Z`. */
function describeStanding(standing: Standing): string {
  return `${describeProcess(standing)}, in line since ${new Date(standing.since).toISOString()}`;
}

/** A sentence that names up to three of them, with a blank before it; empty if there are none. */
export function describeHolders(holders: readonly Standing[]): string {
  const shown = holders.slice(0, 3).map(describeStanding).join('; ');
  return shown && ` Held by ${shown}${holders.length > 3 ? `; and ${holders.length - 3} more` : ''}.`;
}
