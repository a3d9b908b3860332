import { isUtf8 } from 'node:buffer';
import { type FileAct, fileError } from './file-error.ts';

const BOM = '\uFEFF';

/** A JSON file's text, checked to be UTF-8 and JSON. */
export interface JsonText {
  /** Without the byte order mark. */
  text: string;
  /** The byte order mark at the beginning of the file, or an empty string. */
  mark: string;
  value: unknown;
}

/**
 * Decodes and parses a file.
 *
 * @throws {StoreError} `FILE_NOT_UTF8`, `FILE_NOT_JSON`
 */
export function parseJsonFile(bytes: Uint8Array, act: FileAct): JsonText {
  if (!isUtf8(bytes)) {
    const at = firstBadByte(bytes);
    const byte = `0x${bytes[at]?.toString(16).padStart(2, '0')}`;
    throw fileError(
      'FILE_NOT_UTF8',
      act,
      `it is not UTF-8 (byte ${at + 1} is ${byte}), so a change would damage it. Convert it (iconv -f latin1 -t utf8), or use updateBytes, which keeps bytes as they are. It was not changed.`,
    );
  }
  return parseJsonText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'), act);
}

/** Parses a decoded text. @throws {StoreError} `FILE_NOT_JSON` */
export function parseJsonText(whole: string, act: FileAct): JsonText {
  const mark = whole.startsWith(BOM) ? BOM : '';
  const text = whole.slice(mark.length);
  try {
    return { text, mark, value: JSON.parse(text) };
  } catch (error) {
    throw fileError('FILE_NOT_JSON', act, `it is not JSON (${reasonOf(error, text)}). It was not changed.`, error);
  }
}

/**
 * Checks that bytes are JSON, and returns whether they are UTF-8. If they are not, each byte outside of a UTF-8
 * sequence counts as one character.
 *
 * @throws {StoreError} `FILE_NOT_JSON`
 */
export function checkJsonBytes(bytes: Uint8Array, act: FileAct): boolean {
  parseJsonText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'), act);
  return isUtf8(bytes);
}

/** V8's message, which may quote the text: invisible characters become escapes. */
function reasonOf(error: unknown, text: string): string {
  if (text.trim() === '') return 'it is empty';
  return (error as Error).message.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}

function firstBadByte(bytes: Uint8Array): number {
  // Bisects for the longest beginning that is UTF-8, but for a character that the cut may have split.
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUtf8Beginning(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  while (!isUtf8(bytes.subarray(0, good))) good -= 1;
  return good;
}

/** Whether bytes are UTF-8, but for an incomplete last character. */
function isUtf8Beginning(bytes: Uint8Array): boolean {
  for (let cut = 0; cut < 4; cut++) if (isUtf8(bytes.subarray(0, bytes.length - cut))) return true;
  return false;
}
