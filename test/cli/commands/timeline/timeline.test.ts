import fs from 'node:fs';
import { Resvg } from '@resvg/resvg-js';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { Event, Lock } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DARK, LIGHT } from '../../../../cli/commands/timeline/palette.ts';
import { type Program, Rig, until } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

interface Bar {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What is drawn of the entry of this process, by the class of each of its bars. */
function barsOf(svg: string, pid: number | string): Record<string, Bar> {
  const [, group = ''] = new RegExp(`<g><title>pid ${pid} on (.*?)</g>(?=<g|<text|</g>)`, 's').exec(svg) ?? [];
  const rects = [
    ...group.matchAll(/<rect class="(\w+)(?: gone)?" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g),
  ];
  return Object.fromEntries(
    rects.map(([, name, ...numbers]) => {
      const [x = 0, y = 0, width = 0, height = 0] = numbers.map(Number);
      return [name, { x, y, width, height }];
    }),
  );
}

/** A picture's colours, as `#rrggbb`. */
class Pixels {
  readonly #pixels: Buffer;
  readonly #width: number;

  constructor(svg: string) {
    const image = new Resvg(svg).render();
    this.#pixels = image.pixels;
    this.#width = image.width;
  }

  at(x: number, y: number): string {
    const start = (Math.round(y) * this.#width + Math.round(x)) * 4;
    return `#${this.#pixels.subarray(start, start + 3).toString('hex')}`;
  }

  /** All colours along the middle of a bar, a pixel away from its ends. */
  along({ x, y, width, height }: Bar): Set<string> {
    const colours = new Set<string>();
    for (let at = x + 2; at < x + width - 2; at++) colours.add(this.at(at, y + height / 2));
    return colours;
  }
}

async function pidIn(program: Program): Promise<string> {
  return (await program.says(/in (\d+)/))[1] ?? '';
}

/** What is drawn into a file, which must be well-formed. */
async function drawn(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await rig.run('timeline', ...args, '-o', '-');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(XMLValidator.validate(stdout)).toBe(true);
  return stdout;
}

/** The length of a bar that it is worth looking at. */
async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until('some time has passed', () => performance.now() > end);
}

describe('timeline', () => {
  test('draws a bar in the colour of holding where a process held, and a hatched one where it waited', async () => {
    const first = await rig.hold('n');
    const second = rig.visitor('n');
    await rig.line('n', 1, 1);
    await pass(150);
    await first.letGo();
    const [one, other] = [await pidIn(first), await pidIn(second)];
    await pass(150);
    await second.letGo();
    const svg = await drawn();
    const { hold: held } = barsOf(svg, one);
    const { hold: next, wait } = barsOf(svg, other);
    if (!held || !next || !wait) throw new Error(`bars are missing: ${svg}`);
    // It waited until the other gave it back.
    expect(wait.x + wait.width).toBeCloseTo(next.x, 0);
    expect(held.x + held.width).toBeCloseTo(next.x, 0);
    expect(held.y).not.toBe(next.y);
    expect(wait.height).toBeLessThan(next.height);
    const pixels = new Pixels(svg);
    expect([...pixels.along(held)]).toEqual([LIGHT.hold]);
    expect([...pixels.along(next)]).toEqual([LIGHT.hold]);
    expect(pixels.along(wait)).toContain(LIGHT.paper);
    expect(pixels.along(wait).size).toBeGreaterThan(2);
    expect([...pixels.along(wait)]).not.toContain(LIGHT.hold);
    // Before and behind it, nothing; or a line of the grid.
    const beside = [pixels.at(held.x - 3, held.y + 5), pixels.at(held.x + held.width + 3, held.y + 5)];
    for (const colour of beside) expect(colour).not.toBe(LIGHT.hold);
  });

  test('is dark for those who like it dark', async () => {
    const holder = await rig.hold('n');
    const pid = await pidIn(holder);
    await holder.letGo();
    const svg = await drawn();
    // As a browser reads it whose reader does: the rules in the query count.
    const dark = new Pixels(svg.replace(/@media \(prefers-color-scheme:dark\)\{(.*)\}<\/style>/, '$1</style>'));
    const { hold } = barsOf(svg, pid);
    expect(dark.at(2, 2)).toBe(DARK.paper);
    expect(dark.along(hold as Bar)).toContain(DARK.hold);
    expect(new Pixels(svg).at(2, 2)).toBe(LIGHT.paper);
  });

  test('distinguishes those who share from those who do not by colour and by thickness', async () => {
    const writer = await rig.hold('n', '-x');
    await pass(50);
    await writer.letGo();
    const reader = await rig.hold('n', '-s');
    await pass(50);
    await reader.letGo();
    const svg = await drawn();
    const [{ hold }, { shared }] = [barsOf(svg, await pidIn(writer)), barsOf(svg, await pidIn(reader))];
    expect([...new Pixels(svg).along(shared as Bar)]).toEqual([LIGHT.shared]);
    expect(shared?.height).toBeLessThan((hold as Bar).height);
    expect(svg).toContain('held, shared');
  });

  test('marks who was killed, who gave up, who is still there and who is gone; the legend names them', async () => {
    const dead = rig.script('lockstep acquire n --pid $$; read -r _');
    await dead.says('\n');
    dead.kill('SIGKILL');
    await dead.ended;
    const gone = await drawn();
    expect(barsOf(gone, dead.pid).hold).toBeDefined();
    expect(gone).toContain(' class="hold gone" ');
    expect(gone).toMatch(/still held, but its process is gone/);
    await rig.hold('n');
    await rig.run('run', 'n', '-w', '20ms', '--', 'true');
    const svg = await drawn();
    expect(svg).toMatch(
      /<title>pid \d+ on [^<]*\nevicted: its process is gone \(by pid \d+ on \S+\)<\/title>.*?<path class="evicted"/s,
    );
    expect(svg).toMatch(/<title>[^<]*\ngave up waiting<\/title>.*?<path class="gaveup"/s);
    expect(svg).toMatch(/<title>[^<]*\nstill holding<\/title>.*?<path class="open"/s);
    for (const words of ['evicted', 'gave up waiting', 'goes on']) expect(svg).toContain(`>${words}</text>`);
    expect(svg).not.toContain('stolen from');
  });

  test('draws what it is asked for, or all, a group each', async () => {
    for (const name of ['one', 'two', 'three']) await rig.run('run', name, '--', 'true');
    await new Event('ready', { store: rig.store }).set();
    await rig.run('counter', 'builds', '+1');
    const names = (svg: string) => [...svg.matchAll(/<text class="name"[^>]*>([^<]*)</g)].map(([, name]) => name);
    expect(names(await drawn())).toEqual(['builds', 'ready', 'one', 'three', 'two']);
    expect(names(await drawn('two', 'one'))).toEqual(['two', 'one']);
    const { status, stderr } = await rig.run('timeline', 'one', 'never', '-o', '-');
    expect(status).toBe(1);
    expect(stderr).toBe(`lockstep: never: there is no record of that name in the store ${rig.storePath}\n`);
  });

  test('text that others wrote is text, whatever is in it', async () => {
    const label = '</title><script>alert(1)</script>]]>&amp;"\x00\x1b[31m\uFFFE';
    await new Lock('a<b> & "c" \u{1F680}', { store: rig.store }).withLock(() => undefined, { label });
    // Only JSON can have half a character.
    const [journal = ''] = fs
      .readdirSync(rig.path('store/resources'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.1'));
    fs.appendFileSync(
      rig.path('store/resources', journal),
      `\n["enter","x:1",[1,1,1,"b",1,"half\\ud800"],1,${Date.now() * 1000},"half\\udc00"]`,
    );
    await rig.run('timeline', '-o', 'out.html');
    const svg = await drawn();
    for (const text of [svg, rig.read('out.html')]) {
      expect(text).not.toMatch(/<script/i);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      expect(text).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\uFFFE\uFFFF]/);
      expect(text.isWellFormed()).toBe(true);
      expect(text).toContain('a&#x3C;b> &#x26; "c" \u{1F680}');
      expect(text).toContain('half\\u{d800}');
      expect(text).not.toContain(']]>');
    }
    expect(svg).toContain('&#x3C;/title>&#x3C;script>alert(1)&#x3C;/script>]]&gt;&#x26;amp;"\\x00\\x1b[31m\uFFFD');
  });

  test('an HTML page has the picture and the figures, and needs nothing else', async () => {
    const holder = await rig.hold('deploy');
    const waiter = rig.visitor('deploy');
    await rig.line('deploy', 1, 1);
    await holder.letGo();
    await pidIn(waiter);
    await waiter.letGo();
    expect(await rig.run('timeline', '-o', 'out.html')).toEqual({ status: 0, stdout: '', stderr: '' });
    const html = rig.read('out.html');
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(XMLValidator.validate(html.replace('<!doctype html>', ''))).toBe(true);
    expect(html).not.toMatch(/<script|<link|<img|\bsrc=|\bhref=|@import/);
    expect([...html.matchAll(/url\(([^)]*)\)/g)].map(([, target]) => target)).toContain('#hatch');
    expect([...html.matchAll(/url\((?!#hatch)/g)]).toEqual([]);
    expect([...new Set([...html.matchAll(/https?:[^"]*/g)].map(String))]).toEqual(['http://www.w3.org/2000/svg']);
    const { html: page } = new XMLParser({ ignoreAttributes: false }).parse(html.replace('<!doctype html>', ''));
    const { table } = page.body.main.div;
    const [resource, ...headings] = table.thead.tr.th.map((cell: { '#text': string }) => cell['#text']);
    expect([resource, ...headings.slice(0, 2)]).toEqual(['Resource', 'Kind', 'Acquired']);
    expect(table.tbody.tr.th['#text']).toBe('deploy');
    expect(table.tbody.tr.td.slice(0, 2)).toEqual(['lock', 2]);
    expect(table.tbody.tr.td).toHaveLength(headings.length);
  });

  test('--since shows that time only', async () => {
    await rig.run('run', 'n', '--', 'true');
    await pass(50);
    const { status, stderr } = await rig.run('timeline', 'n', '-o', '-', '--since', '1ms');
    expect(status).toBe(1);
    expect(stderr).toBe(
      `lockstep: there is nothing to draw: the journals in the store ${rig.storePath} have no entries in the last 1ms\n`,
    );
    expect(await drawn('--since', '1h')).toContain('<title>pid');
  });

  test('an empty store, and one that is not there, is an error, and nothing is made', async () => {
    const nothing = {
      status: 1,
      stdout: '',
      stderr: `lockstep: there is nothing to draw: the journals in the store ${rig.storePath} have no entries\n`,
    };
    expect(await rig.run('timeline', '-o', 'out.svg')).toEqual(nothing);
    expect(rig.exists('store')).toBe(false);
    await rig.store.names();
    expect(await rig.run('timeline', '-o', 'out.svg')).toEqual(nothing);
    expect(rig.exists('out.svg')).toBe(false);
  });

  test.each([
    [['-o', 'out.png'], /must end in \.svg or \.html/],
    [['-o', 'svg'], /must end in \.svg or \.html/],
    [[], /missing --output/],
    [['-o', 'out.svg', '--since', 'noon'], /--since takes a duration/],
  ])('refuses %j', async (options, message) => {
    const { status, stderr } = await rig.run('timeline', ...options);
    expect(status).toBe(64);
    expect(stderr).toMatch(message);
  });

  test('a file is replaced whole; where it cannot be written, the one before stays', async () => {
    await rig.run('run', 'n', '--', 'true');
    const file = rig.write('out.svg', 'before');
    const reader = fs.openSync(file, 'r');
    expect((await rig.run('timeline', '-o', file)).status).toBe(0);
    // A reader that has the old file open goes on in that one.
    expect(fs.readFileSync(reader, 'utf8')).toBe('before');
    fs.closeSync(reader);
    expect(rig.read('out.svg')).toMatch(/^<svg/);
    const { status, stderr } = await rig.run('timeline', '-o', rig.path('nowhere/out.svg'));
    expect(status).toBe(74);
    expect(stderr).toMatch(/^lockstep: .*nowhere\/out\.svg: cannot be written: its directory is not there/);
    expect(fs.readdirSync(rig.directory).sort()).toEqual(['out.svg', 'store']);
  });

  test('one resource that is damaged hides no others', async () => {
    await rig.run('run', 'n', '--', 'true');
    fs.mkdirSync(rig.path('store/resources/bad'));
    rig.write('store/resources/bad/journal.1', 'garbage');
    const { status, stdout, stderr } = await rig.run('timeline', '-o', '-');
    expect(status).toBe(0);
    expect(stdout).toContain('>n<');
    expect(stderr).toMatch(/^lockstep: left out: bad: its journal .* cannot be used/);
  });
});
