import { describe, expect, it } from 'vitest';
import { explore } from './explorer.ts';
import { contender } from './programs.ts';

function timed(name: string, options: Parameters<typeof explore>[0]) {
  const from = performance.now();
  const r = explore(options);
  console.log(name, JSON.stringify(r), Math.round(performance.now() - from), 'ms');
  return r;
}
const p = contender({ rounds: 1, rotateBytes: 0 });
const p2 = contender({ rounds: 2, rotateBytes: 0 });
describe('x', () => {
  it('1', () => { timed('one', { programs: [p], crashes: 0 }); });
  it('2/1', () => { timed('two one', { programs: [p, p], crashes: 0 }); });
  it('2/1c', () => { timed('two one crash', { programs: [p, p], crashes: 1 }); });
  it('2/2c', () => { timed('two two crash', { programs: [p2, p2], crashes: 1, maxStates: 1e6 }); });
});
