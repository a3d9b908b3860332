import { expect, test } from 'vitest';
import { localZone, offsetIn, zoneIn, zoneInTz } from '../../lib/time/zone.ts';

test.each([
  ['Europe/Berlin', 'Europe/Berlin'],
  ['europe/berlin', 'Europe/Berlin'],
  ['UTC', 'UTC'],
  ['Europe/Berlni', null],
  ['', null],
  ['../../etc/passwd', null],
  ['x'.repeat(10_000), null],
])('the zone %j is known as %j', (given, zone) => {
  expect(zoneIn(given)).toBe(zone);
});

test.each([
  ['', 'UTC'],
  [':Europe/Berlin', 'Europe/Berlin'],
  ['/usr/share/zoneinfo/Asia/Tokyo', 'Asia/Tokyo'],
  [':/usr/share/zoneinfo/Asia/Tokyo', 'Asia/Tokyo'],
  // A rule of POSIX, which has no name.
  ['CET-1CEST,M3.5.0,M10.5.0/3', null],
])('TZ=%j is the zone %j', (tz, zone) => {
  expect(zoneInTz(tz)).toBe(zone);
});

test('the offset of a zone is that of the moment', () => {
  const at = (zone: string, text: string) => offsetIn(zone, Date.parse(text)) / 3_600_000;
  expect(at('Europe/Berlin', '2026-01-01T00:00:00Z')).toBe(1);
  expect(at('Europe/Berlin', '2026-07-01T00:00:00Z')).toBe(2);
  expect(at('America/St_Johns', '2026-01-01T00:00:00Z')).toBe(-3.5);
  expect(at('UTC', '2026-01-01T00:00:00Z')).toBe(0);
});

test('the local zone has the offsets of this process', () => {
  const zone = localZone();
  for (const month of [0, 6]) {
    const at = Date.UTC(2026, month, 1);
    expect(offsetIn(null, at)).toBe(0 - new Date(at).getTimezoneOffset() * 60_000);
    if (zone !== null) expect(offsetIn(zone, at)).toBe(offsetIn(null, at));
  }
});
