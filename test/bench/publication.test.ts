import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Resvg } from '@resvg/resvg-js';
import { XMLValidator } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { chartOf } from '../../bench/chart/chart.ts';
import { Publication } from '../../bench/publication.ts';
import { COMPARISONS, readmeWith } from '../../bench/readme.ts';
import { figureText } from '../../bench/report.ts';
import type { Results } from '../../bench/results.ts';
import { rowOf, type Section } from '../../bench/section.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = fs.readFileSync(`${ROOT}README.md`, 'utf8');
const PUBLISHED = new Publication(ROOT);

/** The medians, in ms, by the names of rows. */
function section(name: string, medians: Record<string, number>, group?: string): Section {
  const rows = Object.entries(medians).map(([row, ms]) => rowOf(row, [ms], group ? { group } : {}));
  return { name, title: name, rows, absent: [], notes: [], targets: [] };
}

function sample(oursMs: number): Results {
  return {
    machine: { cpu: 'a cpu', cores: 2, system: 'Linux 6', node: 'v20', fileSystem: 'ext4' },
    measuredOn: '2026-11-29',
    sections: [
      section('uncontended', { 'lockstep acquire, release': oursMs, 'proper-lockfile lock, unlock': 0.4 }),
      section('handoff', { lockstep: 0.15, 'kernel’s lock from Node': 0.05 }, '8 processes'),
      section('startup', { 'lockstep run x -- true': 52, 'node bare.js': 45, 'sem x': 85 }),
    ],
  };
}

describe('what is drawn and written from results', () => {
  test('has a line for each peer that was measured, with the ratio', () => {
    expect(readmeWith(sample(0.01), README)).toContain(
      [
        '| acquire and release, uncontended | 10.0 µs | proper-lockfile | 400 µs | 1/40 |',
        '| one turn of 8 processes that compete | 150 µs | the kernel’s lock from Node | 50.0 µs | 3.00× |',
        '| `lockstep run x -- true`, the whole command | 52.0 ms | a bare Node script that runs `true` | 45.0 ms | 1.16× |',
        '|  |  | GNU sem | 85.0 ms | 0.61× |',
        '',
      ].join('\n'),
    );
  });

  test('changes with the results, and is the same for the same', () => {
    for (const of of [chartOf, (results: Results) => readmeWith(results, README)]) {
      expect(of(sample(0.01))).toBe(of(sample(0.01)));
      expect(of(sample(0.01))).not.toBe(of(sample(0.02)));
    }
  });

  test('is a picture that viewers can draw, in light and in dark', () => {
    const svg = chartOf(sample(0.01));
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(svg).toContain('@media (prefers-color-scheme:dark)');
    const { width, height } = new Resvg(svg).render();
    expect([width, height]).toEqual([940, 520]);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});

test('the README has a table exactly if there are results', () => {
  expect(README.includes('](docs/bench.svg)')).toBe(PUBLISHED.isThere);
});

describe.skipIf(!PUBLISHED.isThere)('what is published of the benchmarks', () => {
  test('is the README’s table and the chart as the results have them', () => {
    const results = PUBLISHED.read();
    expect(readmeWith(results, README)).toBe(README);
    expect(fs.readFileSync(`${ROOT}docs/bench.svg`, 'utf8')).toBe(`${chartOf(results)}\n`);
  });

  test('has no figure that was not measured', () => {
    const [, table = ''] = README.split('| ---: |\n');
    const figures = [...(table.split('\n\n')[0] ?? '').matchAll(/ ([\d.,]+ (?:µs|ms|s|kB)) /g)].map(([, text]) => text);
    const rows = PUBLISHED.read().sections.flatMap((one) => one.rows);
    expect(figures.length).toBeGreaterThan(10);
    expect(rows.map(({ median, unit }) => figureText({ value: median, unit }))).toEqual(
      expect.arrayContaining(figures),
    );
  });

  test('shows each row of Lockstep that the README is to show', () => {
    for (const { section: name, group, ours } of COMPARISONS) {
      const rows = PUBLISHED.read().sections.find((one) => one.name === name)?.rows ?? [];
      const names = rows.filter((row) => group === undefined || row.group === group).map((row) => row.name);
      expect(
        names.some((one) => one.startsWith(ours)),
        `${name}, ${group}: ${ours}`,
      ).toBe(true);
    }
  });
});
