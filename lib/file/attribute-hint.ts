import type { DocumentFacts } from '../host/document-host.ts';

/**
 * A writer's knowledge of the access list and the extended attributes of the file that it put in place, for the next writer. It only
 * saves time: a writer without it looks at the file.
 */
export interface AttributeHint {
  /** Device and inode. */
  readonly id: string;
  /** The file's last change. Of a file that was changed since then, nothing is known. */
  readonly changedNs: bigint;
  /**
   * By the clock of the file system: when the file was last known to have neither, and its directory to give new files none.
   * Null: it has some, or nobody has checked.
   */
  readonly plainNs: bigint | null;
}

/** Where the last hint about one file is, for all processes that replace it. No call throws. */
export interface HintPlace {
  /** The text as it was written, whoever wrote it; null if there is none. */
  read(): string | null;
  write(text: string): void;
}

const TEXT = /^(\d{1,20}|-) (\d{1,20}:\d{1,20}) (\d{1,20})$/;

export function idOf({ device, inode }: DocumentFacts): string {
  return `${device}:${inode}`;
}

/** The file comes last: if a text is written over and torn, its end shows another file. */
export function textOf({ id, changedNs, plainNs }: AttributeHint): string {
  return `${plainNs ?? '-'} ${id} ${changedNs}`;
}

/** The hint in a text; null if it is none, or of another file, or the file was changed since. */
export function hintFrom(text: string, facts: DocumentFacts): AttributeHint | null {
  const [, plain, id, changed] = TEXT.exec(text) ?? [];
  if (id !== idOf(facts) || changed !== String(facts.changedNs) || plain === undefined) return null;
  return { id, changedNs: facts.changedNs, plainNs: plain === '-' ? null : BigInt(plain) };
}
