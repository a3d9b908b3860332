/** What came from a file or another program is shown, never obeyed: a terminal acts on control characters. */
export function shown(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
