/** What a run counts, whatever its store is. */
export interface Totals {
  seed: number;
  cycles: number;
  kills: number;
  containerKills: number;
  otherBoots: number;
  stops: number;
  rotations: number;
  forgotten: number;
  /** How often the disk was full; null where it never was to be. */
  fullDisks: number | null;
  overlaps: number;
  lost: number;
  updates: number;
  refused: number;
  torn: number;
}

export function inNumbers(number: number): string {
  return number.toLocaleString('en-US');
}

/** The line that ends each run. */
export function summaryOf(totals: Totals): string {
  const count = inNumbers;
  const full = totals.fullDisks === null ? 'full disks skipped' : `${totals.fullDisks} full disks`;
  return `chaos: seed ${totals.seed}: ${count(totals.cycles)} cycles, ${count(totals.kills)} kills, ${count(totals.containerKills)} of whole containers, ${count(totals.otherBoots)} other boots, ${count(totals.stops)} stops, ${count(totals.rotations)} rotations, ${count(totals.forgotten)} names forgotten, ${full}, overlaps ${count(totals.overlaps)}, lost ${count(totals.lost)}, json updates ${count(totals.updates)}, refused for want of space ${count(totals.refused)}, torn ${count(totals.torn)}`;
}
