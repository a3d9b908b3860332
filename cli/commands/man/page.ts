import {
  type Definition,
  dashed,
  definitionOf,
  type OptionDefinition,
  type VerbDefinition,
  verbOf,
} from '../../args/definition.ts';
import type { Program } from '../../args/program.ts';
import type { Block } from './block.ts';
import { AFTER, EXIT_STATUS } from './wording.ts';

export interface Page {
  version: string;
  blocks: Block[];
}

/** Builds the whole manual from the definitions of the command line. */
export function pageOf({ describe, commands, pack }: Program): Page {
  const program = definitionOf(describe);
  const verbs = commands.map(verbOf);
  const blocks: Block[] = [
    { is: 'section', text: 'NAME' },
    { is: 'paragraph', text: `lockstep - ${lowered(pack.description.replace(/:.*/s, ''))}` },
    { is: 'section', text: 'SYNOPSIS' },
    ...verbs.map(({ synopsis }): Block => ({ is: 'code', text: synopsis })),
    { is: 'section', text: 'DESCRIPTION' },
    ...paragraphs(program.text),
    ...verbs.map(({ verb, purpose }): Block => ({ is: 'entry', term: `lockstep ${verb}`, text: joined([purpose]) })),
    ...examplesOf(program),
    { is: 'section', text: 'OPTIONS' },
    { is: 'paragraph', text: 'Every verb takes these and its own.' },
    ...program.options.map(optionBlock),
    { is: 'section', text: 'VERBS' },
    ...verbs.flatMap((verb) => verbBlocks(verb, program)),
    { is: 'section', text: 'EXIT STATUS' },
    ...EXIT_STATUS,
    ...AFTER,
  ];
  return { version: pack.version, blocks };
}

function verbBlocks(verb: VerbDefinition, program: Definition): Block[] {
  const general = program.options.map(({ name }) => name);
  return [
    { is: 'subsection', text: `lockstep ${verb.verb}` },
    { is: 'paragraph', text: joined([verb.purpose]) },
    { is: 'code', text: verb.synopsis },
    ...paragraphs(verb.text),
    ...verb.positionals.map(
      ({ name, describe, choices }): Block => ({
        is: 'entry',
        term: name.toUpperCase(),
        text: joined([describe, choices.length > 0 ? `One of: ${choices.join(', ')}` : '']),
      }),
    ),
    ...verb.options.filter(({ name }) => !general.includes(name)).map(optionBlock),
    ...examplesOf(verb),
  ];
}

function optionBlock(option: OptionDefinition): Block {
  const { name, aliases, describe, takesValue, choices } = option;
  const spellings = [...aliases, name].sort((a, b) => Number(a.length > 1) - Number(b.length > 1)).map(dashed);
  const value = takesValue ? ` ${name.replace(/^.*-/, '').toUpperCase()}` : '';
  return {
    is: 'entry',
    term: `${spellings.join(', ')}${value}`,
    text: joined([
      describe,
      choices.length > 0 ? `One of: ${choices.join(', ')}` : '',
      option.default === null ? '' : `Default: ${option.default}`,
    ]),
  };
}

function examplesOf({ examples }: Definition): Block[] {
  if (examples.length === 0) return [];
  const entries = examples.map(({ line, describe }): Block => ({ is: 'entry', term: line, text: joined([describe]) }));
  return [{ is: 'paragraph', text: 'Examples:' }, ...entries];
}

/** Indented lines of a usage are shown verbatim. */
function paragraphs(text: string): Block[] {
  return text.split('\n\n').flatMap((paragraph): Block[] => {
    const lines = paragraph.split('\n').filter(Boolean);
    return lines.map((line) =>
      line.startsWith('  ') ? { is: 'code', text: line.trim() } : { is: 'paragraph', text: line },
    );
  });
}

function joined(sentences: readonly string[]): string {
  return sentences
    .filter(Boolean)
    .map((sentence) => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`))
    .join(' ');
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
