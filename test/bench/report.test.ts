import { expect, test } from 'vitest';
import { interleave } from '../../bench/interleave.ts';
import { median, percentile } from '../../bench/median.ts';
import { sectionText, summaryText } from '../../bench/report.ts';
import { atLeast, atMost, rowOf, type Section, skipped } from '../../bench/section.ts';

const section: Section = {
  name: 'speed',
  title: 'a race',
  base: 'raw',
  rows: [
    rowOf('raw', [1, 2, 3], { base: [1, 2, 3], group: 'short' }),
    rowOf('ours', [5, 6, 100], { base: [1, 2, 3], group: 'short', more: { share: { value: 0.5, unit: 'share' } } }),
  ],
  absent: ['a peer (apt-get install peer)'],
  notes: ['Once.'],
  targets: [atMost('ours to raw', 2, 3), atLeast('the peer to ours', 40), atLeast('raw', 1, 1)],
};

test('a section is printed with a column for each figure that a row has, then what is absent, notes and targets', () => {
  expect(sectionText(section)).toBe(
    [
      'a race',
      '           median  to raw     mean   share',
      '  ------  -------  ------  -------  ------',
      '  short',
      '    raw   2.00 ms   1.00×  2.00 ms',
      '    ours  6.00 ms   3.00×  37.0 ms  50.0 %',
      '  Absent: a peer (apt-get install peer)',
      '  Once.',
      '  Target: ours to raw, at most 2.00×: NOT MET (3.00×, 50 % above)',
      '  Target: the peer to ours, at least 40×: not measured here',
      '  Target: raw, at least 1.00×: met (1.00×)',
      '',
    ].join('\n'),
  );
});

test('the summary has the targets of all sections, those first that are not met', () => {
  const other = skipped('memory', 'a wait', 'this needs Linux.', [atMost('a wait to none', 1.2)]);
  const [head, ...lines] = summaryText([other, section]).split('\n');
  expect(head).toBe('Targets: 1 met, 1 not met, 2 not measured');
  expect(lines.map((line) => line.split(',')[0])).toEqual([
    '  speed: ours to raw',
    '  memory: a wait to none',
    '  speed: the peer to ours',
    '  speed: raw',
    '',
  ]);
});

test('a percentile is the smallest value that so many do not exceed', () => {
  const values = Array.from({ length: 100 }, (_, at) => 100 - at);
  expect([median(values), percentile(values, 99), percentile(values, 100), percentile([7], 99)]).toEqual([
    50.5, 99, 100, 7,
  ]);
});

test('contestants run in turn, and one that measures by itself is believed', async () => {
  const order: string[] = [];
  const contestant = (name: string, own?: number[]) => ({
    name,
    batch(_: number, lap: () => void) {
      order.push(name);
      lap();
      return own;
    },
  });
  const times = await interleave([contestant('a'), contestant('b', [4, 6])], { batches: 2, cycles: 2, warmUp: 1 });
  expect(order.join('')).toBe('ababab');
  expect(times('b')).toEqual({ batches: [5, 5], cycles: [4, 6, 4, 6] });
  expect([times('a').batches.length, times('a').cycles.length]).toEqual([2, 2]);
});
