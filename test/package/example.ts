import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './package-rig.ts';

export const EXAMPLES = `${ROOT}examples`;

/** One way to run an example, as the head of its file describes it. */
export interface ExampleRun {
  /** Its path below `examples/`. */
  file: string;
  /** What the head says before the commands, such as `it, twice at once`. */
  how: string;
  commands: string[];
  prints: string;
}

/** What the folders hold beside programs: a description, and what marks a folder as a project of its own. */
const NO_PROGRAM = ['README.md', 'package.json'];

/** Every program below `examples/`. */
export function programs(): string[] {
  const files = fs.readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => fs.statSync(`${EXAMPLES}/${file}`).isFile() && !NO_PROGRAM.includes(path.basename(file)))
    .sort();
}

/** The first comment of a file, without its frame. */
function headOf(file: string): string {
  const text = fs.readFileSync(`${EXAMPLES}/${file}`, 'utf8').replace(/^#!.*\n/, '');
  const [head = ''] = /^\/\*\*\n( \*(?!\/).*\n)+|^(#.*\n)+/.exec(text) ?? [];
  return head.replace(/^\/\*\*\n/, '').replace(/^( \*|#) ?/gm, '');
}

const RUN = /^Run (?<how>.*):\n(?<commands>(?: {2}.+\n)+)\nIt prints:\n(?<prints>(?: {2}.*\n)+)/gm;

/** The ways to run a program, in the order of its head. */
export function runsOf(file: string): ExampleRun[] {
  return [...headOf(file).matchAll(RUN)].map(({ groups: { how = '', commands = '', prints = '' } = {} }) => ({
    file,
    how,
    commands: commands
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(2)),
    prints: prints.replace(/^ {2}/gm, ''),
  }));
}
