import type { WordArguments } from '../../args/options.ts';
import type { Program, ProgramArguments } from '../../args/program.ts';
import { shown } from '../../text/escape.ts';
import { type Candidate, type Expected, expectedAt } from './expected.ts';
import { namesFor } from './names.ts';
import { SCRIPTS } from './scripts.ts';
import { insertion, wordsOf } from './typed-line.ts';

export interface CompletionArguments extends WordArguments, ProgramArguments {
  shell: 'bash' | 'zsh' | 'fish';
}

export async function complete({ shell, words, program }: CompletionArguments): Promise<void> {
  if (!words) process.stdout.write(SCRIPTS[shell]);
  else process.stdout.write(await answerQuietly(program, shell, words));
}

/** Ignores errors: a message would appear in the middle of the line being typed. */
async function answerQuietly(program: Program, shell: string, words: readonly string[]): Promise<string> {
  try {
    return await (shell === 'bash' ? answerToBash(program, words) : answer(program, words));
  } catch {
    return '';
  }
}

/** The answer for zsh and fish, which split, match and quote themselves. */
async function answer(program: Program, words: readonly string[]): Promise<string> {
  const expected = expectedAt(program, words.slice(1));
  const candidates = (await candidatesOf(expected, '')).map(
    ({ value, describe }) => `${value}\t${shown(firstLine(describe))}`,
  );
  return [kindOf(expected), ...candidates].map((line) => `${line}\n`).join('');
}

/** The answer for bash, which passes the line as typed, and inserts the answer unquoted. */
async function answerToBash(program: Program, [line = '', breaks = '']: readonly string[]): Promise<string> {
  const words = wordsOf(line, breaks);
  const current = words.at(-1);
  if (!current) return '';
  if (words.at(-2)?.isOperator) return 'files\n';
  const texts = words.filter(({ isOperator }, at) => !isOperator && !words[at - 1]?.isOperator).map(({ text }) => text);
  const expected = expectedAt(program, texts.slice(1));
  const insertions = (await candidatesOf(expected, current.text))
    .map(({ value }) => insertion(value, current))
    .filter((text) => text !== null);
  return [kindOf(expected), ...insertions].map((text) => `${text}\n`).join('');
}

async function candidatesOf(expected: Expected, prefix: string): Promise<Candidate[]> {
  if (expected.kind === 'words') return expected.words;
  return expected.kind === 'names' ? namesFor(expected.verb, expected.directory, prefix) : [];
}

/** The kind as the scripts know it. */
function kindOf({ kind }: Expected): string {
  return kind === 'names' ? 'words' : kind;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
