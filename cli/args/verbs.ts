import type { CommandModule } from 'yargs';
import { type VerbDefinition, verbOf } from './definition.ts';

/** The verb that a command is called by. */
export function verbIn({ command }: CommandModule): string {
  return String(command).split(' ', 1)[0] ?? '';
}

export interface Called {
  /** Where the verb is among the words. */
  at: number;
  /** As it was typed. */
  verb: string;
  /** Null if there is no such verb, as is the next. */
  command: CommandModule | null;
  definition: VerbDefinition | null;
}

/** The verb is the first word; behind options that stand before it, the first word that is one. */
export function calledIn(own: readonly string[], commands: readonly CommandModule[]): Called {
  const isVerb = (word: string) => commands.some((one) => verbIn(one) === word);
  const at = own[0]?.startsWith('-') ? own.findIndex(isVerb) : 0;
  const verb = own[at] ?? '';
  const command = commands.find((one) => verbIn(one) === verb) ?? null;
  return { at, verb, command, definition: command && verbOf(command) };
}
