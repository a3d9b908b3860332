/** The verbs that take words behind `--`. */
export const WITH_COMMAND = ['run', 'job', 'edit', 'with', 'beat', 'queue', 'completion'];

/** Whether users may mean a command by words that the verb does not take. */
export function takesCommand(verb: string): boolean {
  return WITH_COMMAND.includes(verb) && verb !== 'completion';
}
