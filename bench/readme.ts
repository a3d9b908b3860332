import { machineText } from './machine.ts';
import { figureText } from './report.ts';
import type { Results } from './results.ts';
import type { Row } from './section.ts';
import { times } from './table.ts';

const BEGIN = '<!-- `npm run bench` writes from here -->';
const END = '<!-- to here -->';

/** A row of the README's table for each peer that was measured, or one for none. */
interface Comparison {
  what: string;
  section: string;
  group?: string;
  ours: string;
  /** How the names of rows begin, and the words for them. */
  peers: Record<string, string>;
}

const KERNEL = { 'kernel’s lock from Node': 'the kernel’s lock from Node' };

export const COMPARISONS: readonly Comparison[] = [
  {
    what: 'acquire and release, uncontended',
    section: 'uncontended',
    ours: 'lockstep acquire, release',
    peers: {
      'raw: append, read, append, read': 'the same writes and reads',
      'Python filelock acquire, release': 'Python filelock',
      'proper-lockfile lock, unlock': 'proper-lockfile',
    },
  },
  ...[2, 8, 32, 64].map((processes) => ({
    what: `one turn of ${processes} processes that compete`,
    section: 'handoff',
    group: `${processes} processes`,
    ours: 'lockstep',
    peers: KERNEL,
  })),
  {
    what: '`lockstep run x -- true`, the whole command',
    section: 'startup',
    ours: 'lockstep run x -- true',
    peers: { 'node bare.js': 'a bare Node script that runs `true`', sem: 'GNU sem' },
  },
  {
    what: 'from SIGKILL of the holder to the grant of the waiter',
    section: 'recovery',
    ours: 'in the same pid namespace',
    peers: {},
  },
  {
    what: 'memory of a waiting `lockstep run`',
    section: 'memory',
    ours: 'lockstep run x -- true, waiting',
    peers: { 'node that waits for a timer': 'a bare Node process' },
  },
];

/** The README with its part about speed written anew. Throws if it has no place for it. */
export function readmeWith(results: Results, readme: string): string {
  const [before, from] = readme.split(BEGIN);
  const [, after] = from?.split(END) ?? [];
  if (before === undefined || after === undefined) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${speedOf(results)}\n${END}${after}`;
}

function speedOf(results: Results): string {
  const rows = COMPARISONS.flatMap((comparison) => linesOf(comparison, results));
  return [
    '![Lockstep beside its peers](docs/bench.svg)',
    '',
    `Medians of one \`npm run bench\` on ${results.measuredOn}: ${machineText(results.machine)}.`,
    '',
    '| | Lockstep | beside it | | Lockstep to that |',
    '| --- | ---: | --- | ---: | ---: |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ].join('\n');
}

function linesOf({ what, section, group, ours, peers }: Comparison, results: Results): string[][] {
  const rows = results.sections.find(({ name }) => name === section)?.rows ?? [];
  const find = (name: string) => rows.find((row) => row.name.startsWith(name) && (group ?? row.group) === row.group);
  const own = find(ours);
  if (!own) return [];
  const lines = Object.entries(peers).flatMap(([name, words]) => {
    const peer = find(name);
    return peer ? [[words, medianText(peer), ratioText(own.median / peer.median)]] : [];
  });
  return (lines.length > 0 ? lines : [['', '', '']]).map((line, at) =>
    at === 0 ? [what, medianText(own), ...line] : ['', '', ...line],
  );
}

function medianText({ median, unit }: Row): string {
  return figureText({ value: median, unit });
}

/** 1.6×, or 1/40 where Lockstep needs less. */
function ratioText(ratio: number): string {
  return ratio < 0.5 ? `1/${Math.round(1 / ratio)}` : times(ratio);
}
