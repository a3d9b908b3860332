import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { markText, parseReport, type Report, readReport, reportText } from '../../lib/heartbeat/report-file.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { encodeName } from '../../lib/store/name.ts';

const FACTS = { pid: 10, tid: 10, start: 500, boot: 'boot-1', namespace: 1, host: 'web1' };
const REPORT: Report = {
  name: 'host',
  key: 'k1',
  facts: FACTS,
  everyMs: 800,
  since: 1_000,
  label: 'node x.js',
  mark: null,
};
const ENDED = { state: 'ended', code: 0, at: 2_000 } as const;
const FAILED = { state: 'failed', code: 3, at: 3_000 } as const;

/** A report's text with some of what stands in it changed. */
function textWith(changes: Record<string, unknown>): string {
  return JSON.stringify({ ...JSON.parse(reportText(REPORT)), ...changes });
}

function problemOf(text: string, file = 'host'): string {
  const reading = parseReport(text, file);
  return 'problem' in reading ? reading.problem : 'none';
}

describe('a report', () => {
  test('reads as it was written, whatever its name is', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((text) => {
      return text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= 200;
    });
    fc.assert(
      fc.property(name, fc.string({ maxLength: 200 }), (name, label) => {
        const report = { ...REPORT, name, label };
        expect(parseReport(reportText(report), encodeName(name))).toEqual({ report });
      }),
    );
  });

  test('with a name too long for a file name has it inside', () => {
    const report = { ...REPORT, name: '/'.repeat(200) };
    expect(encodeName(report.name)).toContain('~');
    expect(parseReport(reportText(report), encodeName(report.name))).toEqual({ report });
  });

  test('is marked by the last whole line that is a mark', () => {
    const text = reportText(REPORT);
    const markOf = (rest: string) => parseReport(text + rest, 'host');
    expect(markOf(markText(ENDED))).toEqual({ report: { ...REPORT, mark: ENDED } });
    expect(markOf(markText(FAILED) + markText(ENDED))).toEqual({ report: { ...REPORT, mark: ENDED } });
    expect(markOf(`${markText(FAILED)}\nno mark\n{"state":"running"}`)).toEqual({
      report: { ...REPORT, mark: FAILED },
    });
  });

  test('cut anywhere in its mark still runs, and cut before that is no report', () => {
    const text = reportText(REPORT);
    const whole = text + markText(FAILED);
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.slice(0, length);
      if (length < text.length) expect(problemOf(cut)).toBe('its file is not a report');
      else expect(parseReport(cut, 'host')).toEqual({ report: REPORT });
      // What was torn takes no later mark with it.
      if (length >= text.length)
        expect(parseReport(cut + markText(ENDED), 'host')).toMatchObject({ report: { mark: ENDED } });
    }
  });
});

describe('what is no report', () => {
  test.each([
    ['nothing', '', /not a report/],
    ['NUL bytes', '\0'.repeat(100), /not a report/],
    ['another JSON', '[1]', /not a report/],
    ['null', 'null', /not a report/],
    ['somebody else’s object', '{"name":"host"}', /not a report/],
    ['a future format', textWith({ version: 2 }), /does not know; it knows 1/],
    ['a format that is a trap', textWith({ version: { toString: null } }), /does not know/],
    ['no facts', textWith({ facts: undefined }), /damaged/],
    ['a pid that is none', textWith({ facts: [0, 0, 1, 'b', 1, 'h'] }), /damaged/],
    ['an interval of 0', textWith({ every: 0 }), /damaged/],
    ['an interval for ever', textWith({ every: 1e300 }), /damaged/],
    ['a time that no date can be', textWith({ since: 8.64e15 + 1 }), /damaged/],
    ['no key', textWith({ key: '' }), /damaged/],
    ['a name that is none', textWith({ name: 7 }), /damaged/],
    ['a name that can never be', textWith({ name: '' }), /another name/],
    ['another one’s name', textWith({ name: 'other' }), /another name/],
    ['a prototype', '{"__proto__":{"lockstep":"beat","version":1}}', /not a report/],
  ])('%s is told', (_, text, problem) => {
    expect(problemOf(text)).toMatch(problem);
  });

  test('never throws, whatever JSON or text it is', () => {
    const mangled = fc
      .tuple(fc.constantFrom('name', 'key', 'facts', 'every', 'since', 'label', 'version', '__proto__'), fc.jsonValue())
      .map(([key, value]) => `{${JSON.stringify(key)}:${JSON.stringify(value)},${reportText(REPORT).slice(1)}`);
    const mark = fc.jsonValue().map((value) => `${reportText(REPORT)}\n${JSON.stringify(value)}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), mangled, mark), (text) => {
        const reading = parseReport(text, 'host');
        if ('problem' in reading) expect(reading.problem).toMatch(/^its /);
        else expect(reading.report).toMatchObject({ name: 'host', key: 'k1', mark: null });
      }),
    );
    expect(({} as { lockstep?: unknown }).lockstep).toBeUndefined();
  });
});

describe('reading a report’s place', () => {
  let directory: string;
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-beat-'));
  });
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  function readAt(file: string): ReturnType<typeof readReport> {
    const found = nodeHost.files.look(file);
    if (!found) throw new Error('nothing is there');
    return readReport(nodeHost.files, file, found);
  }

  test.each([
    ['a FIFO', (file: string) => execFileSync('mkfifo', [file]), 'no regular file'],
    ['a directory', (file: string) => fs.mkdirSync(file), 'a directory'],
    ['a symbolic link to a report', (file: string) => fs.symlinkSync(`${file}.real`, file), 'a symbolic link'],
    ['a huge file', (file: string) => fs.writeFileSync(file, ' '.repeat(20_000)), 'too large'],
  ])('%s is told, without a hang', (_, make, problem) => {
    const file = path.join(directory, 'host');
    fs.writeFileSync(`${file}.real`, reportText(REPORT));
    make(file);
    expect(readAt(file)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test.each([
    ['a FIFO', (file: string) => execFileSync('mkfifo', [file])],
    ['a directory', (file: string) => fs.mkdirSync(file)],
    ['a symbolic link', (file: string) => fs.symlinkSync('/dev/zero', file)],
    ['nothing', () => undefined],
  ])('a file that has become %s meanwhile is told, without a hang', (_, make) => {
    const file = path.join(directory, 'host');
    fs.writeFileSync(file, reportText(REPORT));
    const found = nodeHost.files.look(file);
    fs.rmSync(file);
    make(file);
    expect(found && readReport(nodeHost.files, file, found)).toHaveProperty('problem');
  });
});
