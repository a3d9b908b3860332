import type { Compare } from '../client/txn-messages.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';

/** The name's state was not changed since the line was read; there still is none, if there was none. */
export function isUnchanged(keys: NameKeys, line: EtcdLine): Compare {
  return { key: keys.state, result: 'equal', target: 'mod', modRevision: line.changed };
}

/** Nobody has left the line, or acted on it, since it was read. */
export function isUnused({ at }: NameKeys, line: EtcdLine): Compare {
  return { key: at, result: 'equal', target: 'mod', modRevision: line.used };
}

/** The name was not forgotten since the line was read. Its kind and its permits are the same as long as it is not. */
export function isSameName(keys: NameKeys, line: EtcdLine): Compare {
  return { key: keys.state, result: 'equal', target: 'create', createRevision: line.made };
}

/** An entry is there, as it was read: nobody has ended it, adopted it, or taken its place. */
export function isThere({ key, modRevision }: Pick<LineEntry, 'key' | 'modRevision'>): Compare {
  return { key, result: 'equal', target: 'mod', modRevision };
}

/**
 * Nobody is in line who has come, or was changed, since all of it was last read: so all that are there were read. That does not rely on
 * a watch to have reported everything. Of an empty line too.
 */
export function isQuiet(keys: NameKeys, readAt: number): Compare {
  return { ...keys.lineRange, result: 'less', target: 'mod', modRevision: readAt + 1 };
}

/** There is no such key. */
export function isAbsent(key: string): Compare {
  return { key, result: 'equal', target: 'version', version: 0 };
}
