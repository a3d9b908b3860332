import type { Mutation } from './mutations.ts';

function broken(rule: string, file: string, from: string, to: string, caughtBy: Mutation['caughtBy']): Mutation {
  return { rule: `etcd: ${rule}`, edits: [{ file: `lib/etcd/${file}.ts`, from, to }], caughtBy };
}

function on(name: string, test: string): Mutation['caughtBy'] {
  return { file: `test/etcd/${name}.test.ts`, test };
}

/** Rules of the store on etcd. Their tests need a real one. */
export const ETCD_MUTATIONS: readonly Mutation[] = [
  broken(
    'a lease counts from the answer to a keep-alive, not from when that was sent',
    'client/lease-keeper',
    'this.#sinceSent = sinceSent;\n    this.#ttlMs = response',
    'this.#sinceSent = stopwatch(this.#parts.clock, this.#bootMs);\n    this.#ttlMs = response',
    on('lease-clock', 'an answer counts from its request, not from its arrival'),
  ),
  broken(
    'a lease is relied on until the server may end it',
    'client/lease-keeper',
    'const SAFE_PART = 0.9;',
    'const SAFE_PART = 1;',
    on('lease-clock', 'a lease surely lives for nine tenths of its time'),
  ),
  broken(
    'a member where nothing listens is asked again and again',
    'client/channel',
    'this.#next = (this.#next + 1) % this.size;',
    '',
    on('grpc-faults', 'a member where nothing listens is passed over at once'),
  ),
  broken(
    'a waiter relies on its watch alone',
    'store/entry-waits',
    'if (now >= this.#rereadAt || !this.#watch.isOpen) {',
    'if (!this.#watch.isOpen) {',
    on('store-races', 'whose watch drops what happens gets in all the same'),
  ),
  broken(
    'an entry is changed though another one has its key by now',
    'store/comparisons',
    "return { key, result: 'equal', target: 'mod', modRevision };\n}\n\n/**\n * Nobody",
    "return { key, result: 'greater', target: 'mod', modRevision: modRevision - 1 };\n}\n\n/**\n * Nobody",
    on('store-races', 'releases nothing that is not its own'),
  ),
  broken(
    'a try relies on a line that has changed since',
    'store/comparisons',
    'modRevision: readAt + 1 };',
    'modRevision: Number.MAX_SAFE_INTEGER };',
    on('store-races', 'does not take what another one holds by now'),
  ),
  broken(
    'a session has a lease for each request that comes before the first is granted',
    'store/session-lease',
    'this.#granting ??= this.#grant();',
    'this.#granting = this.#grant();',
    on('store-races', 'has one lease, also for entries that it asks for at once'),
  ),
  broken(
    'a request without an answer can be done after it was repeated',
    'store/entrance',
    'isAbsent(key), isAbsent(keys.void(record.id))], success: [...others',
    'isAbsent(key)], success: [...others',
    on('store-faults', 'cannot be done any more once it was voided'),
  ),
  broken(
    'a thief has the token of its victim',
    'store/entrance',
    "recordToJson(record, 'place')",
    'recordToJson(record)',
    on('store-races', 'releases nothing that is not its own'),
  ),
  broken(
    'a notification wakes all that wait',
    'store/gate-action',
    'letIn: last.createRevision, count: state.count + count',
    "letIn: 'here', count: state.count + count",
    { file: 'test/contract/etcd-store.test.ts', test: 'lets in so many as are notified, from the front' },
  ),
  broken(
    'a document is replaced by an update that has lost its lock',
    'store/etcd-documents',
    'compare: [isThere(found), isSame]',
    'compare: [isSame]',
    on('store-races', 'replaces no document once its entry was stolen'),
  ),
  broken(
    'a name is forgotten though it was used since it was looked at',
    'store/forgetting',
    'isUnused(keys, line), ',
    '',
    on('store-races', 'does not forget a name by its age if somebody used it'),
  ),
  broken(
    'an item is taken before somebody who has come meanwhile, and waits',
    'store/entrance',
    '[isUnchanged(keys, line), isQuiet(keys, line.readAt)],\n    [{ range',
    '[isUnchanged(keys, line)],\n    [{ range',
    on('store-queues', 'does not overtake a waiter who came meanwhile'),
  ),
  broken(
    'an item is given to a waiter who may be gone',
    'store/ending',
    'return { compare: given.map(isThere), success };',
    'return { compare: [], success };',
    on('store-queues', 'a waiter whose lease has ended is given nothing'),
  ),
  broken(
    'an item whose taker is gone counts as done where the answer to its own done was lost',
    'store/departure',
    "if (!isSure && own.state === 'left' && ",
    'if (!this && ',
    on('store-queues', 'of a done whose item another one has taken'),
  ),
  broken(
    'a put without an answer is repeated though it was done',
    'store/puts',
    'if (tried.isDone || isOurs) {',
    'if (tried.isDone) {',
    on('store-queues', 'or was done before the repetition'),
  ),
];
