import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import * as lockstep from 'lockstep';
import { expect, test } from 'vitest';

const page = fs.readFileSync(new URL('../../docs/multiprocessing.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const hasPython = spawnSync('python3', ['--version']).status === 0;
/** Each class, and the names of it that are meant for others. */
const LIST = `
import multiprocessing as m, json
made = [m.Barrier(2), m.BoundedSemaphore(2), m.Condition(), m.Event(), m.Lock(), m.RLock(), m.Semaphore(2)]
public = lambda one: [n for n in dir(one) if not n.startswith('_') or n in ('__enter__', '__exit__')]
print(json.dumps({type(one).__name__: public(one) for one in made}))
`;

test.skipIf(!hasPython)('every name of the synchronisation section of multiprocessing has a row', () => {
  const python = JSON.parse(execFileSync('python3', ['-c', LIST], { encoding: 'utf8' })) as Record<string, string[]>;
  const names = rows.map(([, name]) => name).join(' ');
  expect(Object.keys(python)).toHaveLength(7);
  for (const [kind, members] of Object.entries(python)) {
    expect(names).toMatch(new RegExp(`\`${kind}\\(`));
    for (const member of members) expect(names).toMatch(new RegExp(`\`${kind}\\.${member}\\b`));
  }
});

/** Of each class of the module that is made here, its members. */
const MORE = `
import multiprocessing as m, json
from multiprocessing import queues
context = m.get_context()
kinds = {"Process": m.Process, "Queue": queues.Queue, "JoinableQueue": queues.JoinableQueue, "SimpleQueue": queues.SimpleQueue}
own = lambda kind: [n for k in kind.__mro__[:-1] if k is not queues.Queue or kind is queues.Queue for n in vars(k) if not n.startswith('_')]
print(json.dumps({name: sorted(set(own(kind))) for name, kind in kinds.items()}))
`;

test.skipIf(!hasPython)('every member of Process and of the queues has a row', () => {
  const python = JSON.parse(execFileSync('python3', ['-c', MORE], { encoding: 'utf8' })) as Record<string, string[]>;
  const names = rows.map(([, name]) => name).join(' ');
  expect(Object.values(python).flat().length).toBeGreaterThan(25);
  for (const [kind, members] of Object.entries(python))
    for (const member of members) expect(names).toMatch(new RegExp(`\`${kind}\\.${member}\\b`));
});

test('what stands in the place of each class is there, with the methods that the table names', () => {
  const made = {
    Lock: new lockstep.Lock('a'),
    RLock: new lockstep.RLock('a'),
    Semaphore: new lockstep.Semaphore('a', 2),
    BoundedSemaphore: new lockstep.BoundedSemaphore('a', 2),
    Event: new lockstep.Event('a'),
    Condition: new lockstep.Condition('a'),
    Barrier: new lockstep.Barrier('a', 2),
    Queue: new lockstep.Queue('a'),
    SimpleQueue: new lockstep.Queue('a'),
  };
  let checked = 0;
  for (const [, python = '', own = ''] of rows) {
    const kind = /`(\w+)/.exec(python)?.[1] as keyof typeof made;
    for (const [, method = ''] of own.matchAll(/`(?:await )?(\w+)\(/g)) {
      if (!(kind in made)) continue;
      checked += 1;
      expect(made[kind], `${kind}.${method}`).toHaveProperty(method);
    }
  }
  expect(checked).toBeGreaterThan(20);
});
