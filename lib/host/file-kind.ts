import type { FileKind } from './host.ts';

const WORDS = { file: 'file', directory: 'directory', link: 'symbolic link', other: 'thing that is no regular file' };

/** Describes a kind of file for a message: `a directory`. */
export function describeKind(kind: FileKind): string {
  return `a ${WORDS[kind]}`;
}
