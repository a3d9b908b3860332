import fs from 'node:fs';
import { XMLValidator } from 'fast-xml-parser';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STYLE } from '../../cli/commands/timeline/palette.ts';
import { terminalPicture } from '../../pictures/terminal.ts';
import { Rig } from '../support/cli-rig.ts';

/** A picture of the documentation. `npm run picture` draws them all anew. */
function picture(name: string): string {
  return fs.readFileSync(new URL(`../../docs/${name}.svg`, import.meta.url), 'utf8');
}

/** The words of a picture, each piece of text for itself. */
function wordsIn(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, words = '']) => words);
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

test.each(['timeline', 'status', 'jobs'])(
  'the picture %s is valid, needs no other file, and names no machine',
  (name) => {
    const svg = picture(name);
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(svg).not.toMatch(/href="(?!#)|url\((?!#)|<script|\/tmp\//);
  },
);

test('the timeline of the documentation is as one drawn today: its style, its legend and its kinds of resources', async () => {
  const svg = picture('timeline');
  expect(svg).toContain(STYLE);
  await rig.run('run', 'deploy', '--', 'true');
  const { stdout } = await rig.run('timeline', '-o', '-');
  const shapeOf = (text: string) =>
    /^<svg [^>]*viewBox="0 0 (\d+) \d+" width="\1" height="\d+" role="img"/.exec(text)?.[1];
  expect(shapeOf(svg)).toBe(shapeOf(stdout));
  expect(wordsIn(svg)).toEqual(
    expect.arrayContaining(['waited', 'held', 'run that succeeded', 'run that failed or timed out', 'evicted']),
  );
});

describe('the pictures of a terminal', () => {
  test.each([
    ['status', ['run', 'deploy', '--', 'true'], ['status', '--all']],
    ['jobs', ['job', 'backup', '--', 'true'], ['jobs']],
  ])('%s has the columns that the verb prints today', async (name, first, call) => {
    await rig.run(...first);
    const { stdout } = await rig.run(...call);
    const headings = stdout.split('\n', 1)[0]?.split(/ {2,}/) ?? [];
    expect(headings.length).toBeGreaterThan(5);
    expect(wordsIn(picture(name)).slice(0, 2 + headings.length)).toEqual(['$', `lockstep ${name}`, ...headings]);
  });

  test('have each word where the terminal has it, in its colour, and no markup of its own', () => {
    const svg = terminalPicture('x', 'NAME  STATE\na<b   \u001b[32mholding\u001b[39m now\n');
    expect(XMLValidator.validate(svg)).toBe(true);
    const at = (words: string) =>
      new RegExp(`<text x="([\\d.]+)"[^>]*fill="([^"]+)">${words}<`).exec(svg)?.slice(1) ?? [];
    expect(at('holding')[0]).toBe(at('STATE')[0]);
    expect(at('holding')[1]).not.toBe(at(' now')[1]);
    expect(at('a&lt;b')[0]).toBe(at('NAME')[0]);
  });
});
