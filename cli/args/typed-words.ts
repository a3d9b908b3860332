import { UsageError } from '../output/exit.ts';
import { inShell } from '../text/shell-word.ts';
import type { Words } from './argv.ts';
import { dashed, type OptionDefinition, type VerbDefinition } from './definition.ts';

/**
 * Rewrites the words of a verb as yargs understands them, where it differs from other programs of the shell:
 *
 * - it takes a value that is glued to a short option (`-w5m`) for more options, unless it is a number;
 * - an option's value is never optional (`--pid`);
 * - it takes a `-h` or an option of a command that was written without `--` (`lockstep run backup df -h`) for ours.
 *
 * A word that is not known here is left to yargs, which refuses it.
 *
 * @param words those behind the verb
 * @throws {UsageError} for a command without `--`, and a long option with one dash
 */
export function typedWords({ own: words, command }: Words, verb: VerbDefinition, takesCommand: boolean): string[] {
  const places = verb.positionals.some(({ isList }) => isList) ? Number.POSITIVE_INFINITY : verb.positionals.length;
  const typed: string[] = [];
  let [given, asksHelp] = [0, false];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (!isOption(word)) {
      given += 1;
      if (given > places && takesCommand && !asksHelp) throw tooMany(verb, words.slice(at), command !== null);
      typed.push(word);
      continue;
    }
    const read = optionIn(word, verb);
    if (!read) return [...typed, ...words.slice(at)];
    asksHelp ||= read.switches.some(({ name }) => name === 'help' || name === 'version');
    const next = words[at + 1];
    if (read.open?.implied != null && !isValue(next, given < places))
      typed.push(...read.words.slice(0, -1), `--${read.open.name}=${read.open.implied}`);
    else {
      typed.push(...read.words);
      if (read.open && next !== undefined) {
        typed.push(next);
        at += 1;
      }
    }
  }
  return typed;
}

/** Whether the word behind an option that needs no value is its value, or else may be a name. */
function isValue(next: string | undefined, mayBeName: boolean): boolean {
  if (next === undefined || isOption(next)) return false;
  return !mayBeName || /^(\d|$)/.test(next);
}

interface ReadOption {
  /** As yargs understands it. */
  words: string[];
  switches: OptionDefinition[];
  /** The option whose value the next word is. */
  open: OptionDefinition | null;
}

/** A negative number is none, and neither is `-`, which stands for stdin or stdout. */
function isOption(word: string): boolean {
  return word.length > 1 && word.startsWith('-') && !/^-[\d.]/.test(word);
}

/** Null if it is not an option of the verb. */
function optionIn(word: string, verb: VerbDefinition): ReadOption | null {
  if (!word.startsWith('--')) return shortIn(word, verb);
  const [name = ''] = word.slice(2).split('=', 1);
  const option = optionOf(verb, name);
  if (!option) return null;
  if (option.takesValue) return { words: [word], switches: [], open: word.includes('=') ? null : option };
  return { words: [word], switches: [option], open: null };
}

/** Several letters behind one dash: the first one that takes a value takes the rest, or the next word. */
function shortIn(word: string, verb: VerbDefinition): ReadOption | null {
  const letters = word.slice(1);
  const [name = ''] = letters.split('=', 1);
  if (name.length > 1 && optionOf(verb, name)) throw new UsageError(`unknown option -${name}: did you mean --${name}?`);
  const switches: OptionDefinition[] = [];
  for (let at = 0; at < letters.length; at++) {
    const option = optionOf(verb, letters.charAt(at));
    if (!option) return null;
    if (option.takesValue) {
      const before = at === 0 ? [] : [`-${letters.slice(0, at)}`];
      const rest = letters.slice(at + 1);
      if (rest === '') return { words: [...before, dashed(letters.charAt(at))], switches, open: option };
      return { words: [...before, `--${option.name}=${rest.replace(/^=/, '')}`], switches, open: null };
    }
    switches.push(option);
  }
  return { words: [word], switches, open: null };
}

export function optionOf(verb: VerbDefinition, spelling: string): OptionDefinition | undefined {
  return verb.options.find(({ name, aliases }) => name === spelling || aliases.includes(spelling));
}

/** Users of `flock` or `sem` write the command without `--`. */
function tooMany({ verb }: VerbDefinition, rest: readonly string[], hasCommand: boolean): UsageError {
  if (hasCommand) return new UsageError(`unexpected ${rest.length > 1 ? 'arguments' : 'argument'}: ${rest.join(' ')}`);
  return new UsageError(`a command goes behind --, as in: lockstep ${verb} … -- ${rest.map(asTyped).join(' ')}`);
}

function asTyped(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : inShell(word);
}
