import { wrapped } from '../text/wrapped.ts';
import {
  type Definition,
  dashed,
  definitionOf,
  type OptionDefinition,
  type VerbDefinition,
  verbOf,
} from './definition.ts';
import type { Program } from './program.ts';
import { verbIn } from './verbs.ts';

/*
 * The help, from the same definitions as the manual. yargs' own would list the verbs without groups, in brackets also what they
 * need, and a type behind each option.
 */

/** Lines longer than this are hard to read. */
const WIDEST = 100;
const NARROWEST = 40;
/** For a pipe, and a terminal that does not report its width. */
const DEFAULT = 80;
const INDENT = 2;
const GAP = 2;
/** A longer term has its description below it. */
const LONGEST_TERM = 30;

type Entry = readonly [term: string, text: string];

/** How wide help is: as the terminal, within bounds. */
export function helpWidth({ isTTY, columns }: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): number {
  return isTTY && columns > 0 ? Math.max(NARROWEST, Math.min(WIDEST, columns)) : DEFAULT;
}

/** The help of lockstep itself: its verbs, in groups. */
export function programHelp({ describe, commands, groups }: Program, width: number): string {
  const program = definitionOf(describe);
  const grouped = groups.flatMap(([, verbs]) => verbs);
  const all = groups.map(([title, verbs]) => {
    // A verb of no group is in the last one.
    const others = title === groups.at(-1)?.[0] ? commands.map(verbIn).filter((verb) => !grouped.includes(verb)) : [];
    return { title, verbs: [...verbs, ...others] };
  });
  const definitions = new Map(commands.map((command) => [verbIn(command), verbOf(command)]));
  const sections = all.map(({ title, verbs }) => {
    const known = verbs.flatMap((verb) => definitions.get(verb) ?? []);
    return { title, entries: known.map(({ synopsis, purpose }): Entry => [callOf(synopsis), purpose]) };
  });
  const widest = widestOf(sections.flatMap(({ entries }) => entries));
  return joined([
    opening(program, width),
    ...sections.map(({ title, entries }) => section(title, entries, width, widest)),
    section('Options', program.options.map(optionEntry), width),
    examples(program, width),
    program.epilogue && wrapped(program.epilogue, width).join('\n'),
  ]);
}

export function verbHelp(verb: VerbDefinition, width: number): string {
  const positionals = verb.positionals.map(({ name, describe, choices, isNeeded }): Entry => {
    const word = name.toUpperCase();
    const text = sentences([describe, choices.length > 0 ? `One of: ${choices.join(', ')}` : '']);
    const isShownNeeded = isNeeded || withRequired(verb.synopsis).includes(`<${word}>`);
    return [isShownNeeded ? `<${word}>` : word, text];
  });
  return joined([
    opening(verb, width),
    section('Arguments', positionals, width),
    section('Options', verb.options.map(optionEntry), width),
    examples(verb, width),
  ]);
}

/** Marks the words that a verb needs, in the form that help shows: `run NAME -- CMD [ARG…]` becomes `run <NAME> -- <CMD> [ARG…]`. */
export function withRequired(synopsis: string): string {
  let depth = 0;
  return synopsis.replace(/[[\]]|\b[A-Z][\w.]*…?/g, (found) => {
    if (found === '[') depth += 1;
    else if (found === ']') depth -= 1;
    else return depth === 0 ? `<${found}>` : found;
    return found;
  });
}

/** The call of a verb without its options, and without the command behind it. */
function callOf(synopsis: string): string {
  return withRequired((synopsis.split('\n', 1)[0] ?? '').replace(/ (\[options\]|--( .*)?$)/g, ''));
}

function opening({ synopsis, text }: Definition, width: number): string {
  const paragraphs = text.split('\n\n').map((paragraph) => {
    const lines = paragraph.split('\n');
    // Indented lines are shown as they are.
    return lines.flatMap((line) => (line.startsWith('  ') ? [line] : wrapped(line, width))).join('\n');
  });
  return joined([withRequired(synopsis), ...paragraphs.filter(Boolean)]);
}

function optionEntry(option: OptionDefinition): Entry {
  const { name, aliases, describe, takesValue, implied, choices } = option;
  const spellings = [...aliases, name].sort((a, b) => Number(a.length > 1) - Number(b.length > 1)).map(dashed);
  const value = name.replace(/^.*-/, '').toUpperCase();
  const term = `${spellings.join(', ')}${takesValue ? (implied === null ? ` <${value}>` : ` [${value}]`) : ''}`;
  const given = option.default === null ? '' : `Default: ${option.default}`;
  return [term, sentences([describe, choices.length > 0 ? `One of: ${choices.join(', ')}` : '', given])];
}

/** One sentence has no full stop. */
function sentences(texts: readonly string[]): string {
  const given = texts.filter(Boolean);
  return given.map((text, at) => (at < given.length - 1 && !/[.!?]$/.test(text) ? `${text}.` : text)).join(' ');
}

function examples({ examples: given }: Definition, width: number): string {
  const entries = given.map(({ line, describe }): Entry => [line, describe]);
  return section('Examples', entries, width, 0);
}

/** @param widest the width of the column of terms; a longer term has its text below it, as do all of them if it is 0 */
function section(title: string, entries: readonly Entry[], width: number, widest = widestOf(entries)): string {
  if (entries.length === 0) return '';
  const left = widest === 0 ? 2 * INDENT + GAP : INDENT + widest + GAP;
  const lines = entries.flatMap(([term, text]) => {
    const [first = '', ...more] = wrapped(text, width - left);
    const rest = more.map((line) => ' '.repeat(left) + line);
    if (term.length <= widest) return [' '.repeat(INDENT) + term.padEnd(widest + GAP) + first, ...rest];
    return [' '.repeat(INDENT) + term, ' '.repeat(left) + first, ...rest];
  });
  return [`${title}:`, ...lines.map((line) => line.trimEnd())].join('\n');
}

function widestOf(entries: readonly Entry[]): number {
  return Math.max(0, ...entries.map(([term]) => term.length).filter((length) => length <= LONGEST_TERM));
}

function joined(parts: readonly string[]): string {
  return parts.filter(Boolean).join('\n\n');
}
