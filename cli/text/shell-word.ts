import { hasUnseen } from './escape.ts';

/**
 * Quotes a name as one word for a shell, for a reader to copy. A name with a character that `shown` would escape is
 * written byte by byte as `$'…'`, which POSIX 2024, bash, zsh and ksh read.
 *
 * No library serves: `shell-quote` and `shlex` leave control and format characters as they are, so the terminal acts on
 * them; `shescape` drops escapes and leading dashes, so the word is another name.
 */
export function inShell(name: string): string {
  if (hasUnseen(name)) return `$'${[...Buffer.from(name)].map(byteInShell).join('')}'`;
  return /^[\w./-]+$/.test(name) && !name.startsWith('-') ? name : `'${inSingleQuotes(name)}'`;
}

/** Escapes a text that stands between single quotes. */
export function inSingleQuotes(text: string): string {
  return text.replaceAll("'", "'\\''");
}

function byteInShell(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[ -&(-[\]-~]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
}
