/** The demos, in the order in which they are best seen, and what each shows. */
export const DEMOS = {
  tickets: 'ten buyers, five tickets: exactly five are sold',
  order: 'ten processes start at once, and speak one after the other',
  ktv: 'ten guests, a karaoke room for four',
  lock: 'a forgotten release is reported as a deadlock',
  daemon: 'a daemon ends with its main, before its work is done',
  daemons: 'a daemon ends with main’s code, while main waits for a child',
  alive: 'a daemon sends heartbeats; a monitor notices when they stop',
} as const;

export type DemoName = keyof typeof DEMOS;

/** The options of the demo of tickets, and what it shows with each; listed below its line. */
const VARIANTS: Partial<Record<DemoName, ReadonlyArray<readonly [option: string, shows: string]>>> = {
  tickets: [
    ['--unsafe', 'the same without the lock: ten are sold'],
    ['--hot', 'thousands, written back to a database meanwhile'],
  ],
};

/** The list of the demos, with two columns of blanks before it. */
export function demoList(): string {
  const rows = Object.entries(DEMOS).flatMap(([name, shows]) => [
    [name, shows] as const,
    ...(VARIANTS[name as DemoName] ?? []).map(([option, variant]) => [`${name} ${option}`, variant] as const),
  ]);
  const widest = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, shows]) => `  ${name.padEnd(widest)}  ${shows}`).join('\n');
}
