import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCS = path.join(ROOT, 'docs');

function pagesIn(directory: string): string[] {
  return fs.readdirSync(directory).filter((name) => name.endsWith('.md'));
}

/** All pages that a reader may come to. */
const PAGES = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'].map((name) => path.join(ROOT, name)),
  ...pagesIn(DOCS).map((name) => path.join(DOCS, name)),
  ...pagesIn(path.join(DOCS, 'decisions')).map((name) => path.join(DOCS, 'decisions', name)),
];

/** A page without its code, in which brackets mean other things. */
function textOf(page: string): string {
  return fs.readFileSync(page, 'utf8').replace(/^```.*?^```/gms, '');
}

function linksIn(page: string): string[] {
  return [...textOf(page).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsIn(page: string): string[] {
  const headings = [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the index of the documentation', () => {
  const index = path.join(DOCS, 'README.md');

  test('lists each page once, in a line that says what is in it', () => {
    const items = fs
      .readFileSync(index, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('- '));
    const listed = items.map((line) => /^- \[[^\]]+\]\(([^)]+)\): \S.*\.$/.exec(line)?.[1] ?? line);
    const pages = pagesIn(DOCS).filter((name) => name !== 'README.md');
    expect(listed.sort()).toEqual([...pages, 'decisions'].sort());
  });
});

test.each(PAGES.map((page) => path.relative(ROOT, page)))('every link of %s leads somewhere', (page) => {
  const dead = linksIn(path.join(ROOT, page)).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path.join(ROOT, page) : path.resolve(ROOT, path.dirname(page), file);
    if (!fs.existsSync(target)) return true;
    return anchor !== undefined && target.endsWith('.md') && !anchorsIn(target).includes(anchor);
  });
  expect(dead).toEqual([]);
});
