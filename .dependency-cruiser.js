/**
 * The rooms of the house, the ground first: a room imports only rooms that stand before it in its list. A room is a
 * folder, or a file that stands beside the folders.
 */
const ROOMS = {
  lib: [
    'copies.ts',
    'standing.ts',
    'errors.ts',
    'node-types.ts',
    'time',
    'options',
    'host',
    'etcd/client',
    'file',
    'foreign',
    'journal',
    'session',
    'line',
    'store',
    'etcd/store',
    'etcd/open-etcd-store.ts',
    'etcd/index.ts',
    'disk',
    'stores',
    'deadlock',
    'primitives',
    'hot',
    'heartbeat',
    'history',
    'observe',
    'jobs',
    'process',
    'index.ts',
    'internal.ts',
  ],
  cli: ['startup', 'text', 'output', 'report', 'args', 'child', 'access', 'commands', 'main.ts'],
};

/** The files of lib/ that others import: the package's entries, and what its own command line needs beyond them. */
const ENTRIES = '^lib/(index|internal|(jobs|history|heartbeat|observe|etcd|hot)/index)\\.ts$';

/** A pattern of all files of these rooms. */
function within(part, rooms) {
  const places = rooms.map((room) => (room.endsWith('.ts') ? `${room.replaceAll('.', '\\.')}$` : `${room}/`));
  return `^${part}/(${places.join('|')})`;
}

function ruleOf(part, room, before) {
  return {
    name: `${part}/${room}`,
    comment: `imports only ${before.join(', ') || 'nothing'} of ${part}/`,
    from: { path: within(part, [room]) },
    to: { path: `^${part}/`, pathNot: within(part, [...before, room]) },
  };
}

const RULES = [
  { name: 'no-circular', comment: 'Imports of types count too.', from: {}, to: { circular: true } },
  {
    name: 'not-found',
    comment: 'An import that leads nowhere escapes all other rules.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'no-room',
    comment: 'Every file is in a room that is listed.',
    from: { path: '^(lib|cli)/', pathNot: Object.entries(ROOMS).map(([part, rooms]) => within(part, rooms)) },
    to: {},
  },
  {
    name: 'etcd',
    comment:
      'A program that stays on files loads nothing of etcd: lib/stores/etcd-module.ts finds it when a store there is used first.',
    from: { path: '^(lib|cli)/', pathNot: '^lib/etcd/' },
    to: { path: '^lib/etcd/' },
  },
  {
    name: 'hot',
    comment: 'A program that does not sell from a hot count loads nothing of it. The command line does, by its entry.',
    from: { path: '^lib/', pathNot: '^lib/hot/' },
    to: { path: '^lib/hot/' },
  },
  {
    name: 'lib',
    comment: 'The library stands alone.',
    from: { path: '^lib/' },
    to: { path: '^(cli|test|fixtures|bench|chaos)/' },
  },
  {
    name: 'cli',
    comment: 'The command line needs the library only.',
    from: { path: '^cli/' },
    to: { path: '^(test|fixtures|bench|chaos)/' },
  },
  {
    name: 'entries',
    comment: 'The command line imports the library by its entries, as other programs do.',
    from: { path: '^cli/' },
    to: { path: '^lib/', pathNot: ENTRIES },
  },
  {
    name: 'entries-are-last',
    comment: 'An entry is for others: within the library, each file names the one that it needs.',
    from: { path: '^lib/', pathNot: '^lib/internal\\.ts$' },
    to: { path: ENTRIES },
  },
  {
    name: 'command',
    comment: 'No command imports another one.',
    from: { path: '^cli/commands/([^/]+)/' },
    to: { path: '^cli/commands/', pathNot: '^cli/commands/$1/' },
  },
  ...Object.entries(ROOMS).flatMap(([part, rooms]) => rooms.map((room, at) => ruleOf(part, room, rooms.slice(0, at)))),
];

export default {
  forbidden: RULES.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    // TypeScript 7 has no API that dependency-cruiser could parse with.
    parser: 'swc',
    // Else imports of types, which leave no trace in what is compiled, would not be seen.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
