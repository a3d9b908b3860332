import { hasUnseen } from './shown.ts';

/**
 * A name as it can be copied into a shell, from what is shown of it. One with characters that are not shown as they are is
 * written byte by byte, as POSIX, bash, zsh and ksh read it.
 */
export function inShell(name: string): string {
  if (hasUnseen(name)) return `$'${[...Buffer.from(name)].map(byteInShell).join('')}'`;
  return /^[\w./-]+$/.test(name) && !name.startsWith('-') ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

function byteInShell(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[ -&(-[\]-~]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
}
